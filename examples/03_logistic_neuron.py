# %% [markdown]
# # 3. The logistic neuron · 逻辑斯谛神经元：为什么一条直线不够
#
# 小蓝真正想知道的不是“毒性 0.73”，而是“能不能吃”。答案只有两种：1 是有毒，0 是无毒。
# 这一章先看直线怎么在这样的问题上出丑，再把直线掰弯成 S 形，让它说出概率；
# 最后给豆豆加上颜色，直线变成平面，S 形变成曲面。
#
# 需要在仓库目录里 `pip install '.[plot]'`（图用 matplotlib 画）。

# %% [markdown]
# ## A line on yes and no · 用直线答是非题
#
# 大于 0.5 的豆豆有毒。用最小二乘配一条直线，高过 0.5 就算有毒。起初还不坏，界线几乎在正中。
# 可是直线的两头都跑出了 0 到 1 的范围，那不能叫概率。
# 更糟的是：再来十颗特别大的毒豆豆，谁都知道它们有毒，直线却为了迁就它们躺了下来，把原来分对的也分错了。

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, optim
from micrograd_cn.viz import plots

beans, poison = datasets.beans("binary")
giants = torch.linspace(2, 4, 10).reshape(-1, 1)
more_beans, more_poison = torch.cat([beans, giants]), torch.cat([poison, torch.ones(10, 1)])


def fit_line(x, y):
    """The line of least squares, as a layer with its weight and bias."""
    columns = np.stack([x.numpy().ravel(), np.ones(len(x))], axis=1)
    (w, b), *_ = np.linalg.lstsq(columns, y.numpy().ravel(), rcond=None)
    line = nn.Linear(1, 1)
    line.load_state_dict({"weight": torch.tensor([[w]]), "bias": torch.tensor([b])})
    return line


def wrong(model, x, y):
    """How many beans are on the wrong side of 0.5."""
    return int(((model(x) > 0.5) != (y > 0.5)).sum())


line, tilted = fit_line(beans, poison), fit_line(more_beans, more_poison)
line_range = line(beans).min().item(), line(beans).max().item()
line_wrong = wrong(line, beans, poison), wrong(tilted, more_beans, more_poison)
print(f"直线的输出从 {line_range[0]:.2f} 到 {line_range[1]:.2f}，分错 {line_wrong[0]} 颗。")
print(f"加上十颗大毒豆豆以后，分错 {line_wrong[1]} 颗。")

# %% [markdown]
# ## The logistic function · 把直线掰弯
#
# σ(z) = 1 / (1 + e⁻ᶻ) 把任何数压到 0 和 1 之间：z = 0 是 0.5，拿不准；z 越大越接近 1。
# 它处处有导数，而且导数用它自己就能写出来：σ'(z) = a(1 − a)，a 是它的输出；最陡的地方在中间，是 0.25。
# 1943 年的门槛也能分类，却不能学：它的导数处处是 0，梯度下降在平地上无路可走。
#
# 教程 003 的第一个神经元就是这样的：权重 (0, 1)，偏置 4，输入 (2, 3)。

# %%
z = Value(0.0)
a = z.sigmoid()
a.backward()
first = (0 * Value(2.0) + 1 * Value(3.0) + 4).sigmoid().data
print(f"σ(0) = {a.data}，σ'(0) = {z.grad}")
print(f"σ(7)    教程 {0.9990889488055994}    我们 {first}")

# %% [markdown]
# ## The gradient, three links · 梯度：三环相扣
#
# z = wx + b，a = σ(z)，e = (y − a)²，三个函数套在一起。三环的导数是 x、a(1 − a)、−2(y − a)，乘起来：
#
# * de/dw = −2(y − a)·a(1 − a)·x
# * de/db = −2(y − a)·a(1 − a)·1
#
# 引擎不认识这两个公式，它只会一环一环地乘。结果应当一样。

# %%
x, y = 0.4, 1.0
w, b = Value(2.0, "w"), Value(-1.0, "b")
a = (w * x + b).sigmoid()
e = (y - a) ** 2
e.backward()
formula_b = -2 * (y - a.data) * a.data * (1 - a.data)
by_formula = formula_b * x, formula_b
print(f"a = {a.data:.6f}，e = {e.data:.6f}")
print("          公式         引擎")
for name, formula, engine in zip(("de/dw", "de/db"), by_formula, (w.grad, b.grad), strict=True):
    print(f"{name}  {formula:.8f}  {engine:.8f}")

# %% [markdown]
# ## Training · 训练
#
# 误差仍是平方误差，走法仍是梯度下降，只是模型的末尾多了一个 `Sigmoid`。
# 那十颗大毒豆豆不再捣乱：它们的输出早就接近 1，错得少，梯度也就小，没有理由动界线。


# %%
def train(model, x, y, rate, steps):
    """Gradient descent on the mean squared error; the error at every step."""
    optimizer, criterion, losses = optim.SGD(model.parameters(), lr=rate), nn.MSELoss(), []
    for _ in range(steps):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(0)
logistic = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
losses = train(logistic, more_beans, more_poison, rate=20.0, steps=4000)
logistic_wrong = wrong(logistic, more_beans, more_poison)
boundary = (-logistic[0].bias / logistic[0].weight).item()
print(f"误差 {losses[0]:.4f} → {losses[-1]:.4f}，分错 {logistic_wrong} 颗，界线在 {boundary:.3f}（应当在 0.5）")

# σ(wx + b) = p 的地方是 x = (ln(p / (1 − p)) − b) / w，这个 x 的豆豆得到的概率正好是 p
w, b = logistic[0].weight.item(), logistic[0].bias.item()
sizes = {p: (math.log(p / (1 - p)) - b) / w for p in (0.5, 0.6, 0.8, 0.9)}
sure = {p: logistic(torch.tensor([[x]])).item() for p, x in sizes.items()}
for p, meaning in zip(sizes, ("拿不准", "稍微倾向于有毒", "八成把握", "很确定"), strict=True):
    print(f"大小 {sizes[p]:.3f} 的豆豆：概率 {sure[p]:.4f}，{meaning}")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, model, name in zip(axes, (tilted, logistic), ("$wx + b$", r"$\sigma(wx + b)$"), strict=True):
    plots.decision(model, more_beans, more_poison, ax=ax).set_title(name)
plots.save(figure, "03_line_and_logistic.png")
ax = plots.loss_curve(losses)
ax.loglog()
plots.save(ax, "03_losses.png")

# %% [markdown]
# ## Two features: a plane, bent · 两个特征：平面掰弯成曲面
#
# 毒性不只看大小，还看颜色深浅。现在 z = w₁x₁ + w₂x₂ + b 是一张平面，σ 把它掰成一张 S 形的曲面，高度就是有毒的概率。
# 曲面上高度正好是 0.5 的点连成一条等高线，投到地面上就是界线。σ(z) = 0.5 等于说 z = 0，
# 所以界线是 w₁x₁ + w₂x₂ + b = 0：曲面是弯的，界线却是笔直的。

# %%
beans, poison = datasets.beans("two")
torch.manual_seed(0)
planar = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
two_losses = train(planar, beans, poison, rate=20.0, steps=4000)
two_wrong = wrong(planar, beans, poison)
((w1, w2),), (b,) = planar[0].weight.tolist(), planar[0].bias.tolist()
print(f"误差 {two_losses[-1]:.4f}，分错 {two_wrong} 颗")
print(f"学到的界线：{w1 / w2:.3f}·大小 + 颜色 = {-b / w2:.3f}")
print(f"豆豆的真相：{1.5 / 1.2:.3f}·大小 + 颜色 = {1.35 / 1.2:.3f}")

on_the_line = torch.tensor([[x1, -(w1 * x1 + b) / w2] for x1 in (0.2, 0.5, 0.8)])
print("界线上三处的概率：" + "  ".join(f"{a:.4f}" for a in planar(on_the_line).flatten().tolist()))
angle = math.degrees(math.atan2(w2, w1))
print(f"界线的法线与“大小”轴成 {angle:.1f}°（真相是 {math.degrees(math.atan2(1.2, 1.5)):.1f}°）")

figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), subplot_kw={"projection": "3d"}, layout="constrained")
plots.surface(planar[0], beans, poison, ax=axes[0]).set(title="$z = w_1x_1 + w_2x_2 + b$", zlabel="$z$")
plots.surface(planar, beans, poison, ax=axes[1]).set(title=r"$a = \sigma(z)$", zlabel="$a$")
plots.save(figure, "03_surface.png")
plots.save(plots.decision(planar, beans, poison), "03_decision.png")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 把误差换成交叉熵 `nn.BCELoss()`，学习率还用 20，谁学得快？从错得离谱的地方出发（b = 10）再比一次，差别从哪里来？
# 2. 训练得再久一些，w 会停在一个数上吗？（这些豆豆分得开，S 形可以一直变陡。）
# 3. 只用“大小”一个特征去分 `beans("two")`，最少分错几颗？
