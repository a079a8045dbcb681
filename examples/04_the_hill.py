# %% [markdown]
# # 4. The hill · 小山：两个隐藏神经元
#
# 豆豆进化了：小的没毒，中等的剧毒，特别大的又没毒。低、高、低，像一座小山。
# S 形曲线只会一路上升，或者一路下降，翻不过山。这一章让两个神经元各画一条 S 形，第三个神经元把它们合起来，山就有了。
# 这是小蓝的第一个神经网络。
#
# 需要在仓库目录里 `pip install '.[plot]'`（图用 matplotlib 画）。

# %% [markdown]
# ## One neuron gives up · 一个神经元认输
#
# 先让上一章的神经元试试。不管 w 和 b 取什么，σ(wx + b) 都是单调的，一条界线只能切一刀，而小山要切两刀。
# 最好的一刀也只能分对 74%；平方误差更胆小，它干脆说所有的豆豆都没毒。

# %%
import matplotlib.pyplot as plt
import numpy as np

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, optim
from micrograd_cn.viz import plots

beans, poison = datasets.beans("hill")


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


def right(model, x, y):
    """The share of beans on the right side of 0.5."""
    return ((model(x) > 0.5) == (y > 0.5)).double().mean().item()


torch.manual_seed(0)
one = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
one_losses = train(one, beans, poison, rate=5.0, steps=2000)
one_right = right(one, beans, poison)
cuts = [((side * (beans - cut) > 0) == (poison > 0.5)).double().mean().item() for cut in beans for side in (-1, 1)]

sizes = torch.linspace(0, 1, 101).reshape(-1, 1)
rises = one(sizes).flatten().diff()
monotone = bool((rises >= 0).all() or (rises <= 0).all())
print(f"一个神经元：误差 {one_losses[-1]:.4f}，分对 {one_right:.0%}，单调：{monotone}")
print(f"最好的一刀：分对 {max(cuts):.0%}")

# %% [markdown]
# ## Two and one · 两个加一个
#
# 把豆豆的大小同时送给两个神经元，它们的输出再送给第三个：
#
# * a₁ = σ(w₁x + b₁)，a₂ = σ(w₂x + b₂)；
# * 输出 = σ(v₁a₁ + v₂a₂ + c)。
#
# 一共七个数。谁负责哪一边，没有人规定，梯度下降自己会分工。看误差曲线（学习率大，路上抖得厉害）：
# 先是哪一刀都没找到，比一个神经元还差；落到 0.17 附近，是找到了第一刀；再抖一阵，找到第二刀，一下子掉到接近 0。


# %%
def team(seed):
    """Two hidden neurons and one more, fresh."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(1, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())


hill = team(0)
hill_losses = train(hill, beans, poison, rate=20.0, steps=2000)
hill_right = right(hill, beans, poison)
numbers = sum(p.numel() for p in hill.parameters())
print(f"两个隐藏神经元：{numbers} 个数，误差 {hill_losses[-1]:.4f}，分对 {hill_right:.0%}")

one_name, two_name = plots.label("一个神经元", "one neuron"), plots.label("两个隐藏神经元", "two hidden neurons")
plots.save(plots.loss_curve({one_name: one_losses, two_name: hill_losses}), "04_losses.png")

# %% [markdown]
# ## Who does what · 谁在做什么
#
# 蓝线和红线是两个隐藏神经元，各是一条 S 形，转折的地方在 −b/w，正好是小山的两个山脚，0.3 和 0.7。
# 绿线是第三个神经元把它们合起来的结果：一座山。两条单调的曲线，合出了一条不单调的。

# %%
turns = sorted((-hill[0].bias / hill[0].weight.flatten()).tolist())
print(f"转折在 {turns[0]:.3f} 和 {turns[1]:.3f}（山脚在 0.3 和 0.7）")

_, ax = plt.subplots(layout="constrained")
bean_name = plots.label("豆豆", "beans")
ax.scatter(beans.flatten().tolist(), poison.flatten().tolist(), s=14, color="#7d8592", label=bean_name)
x, hidden, output = sizes.flatten().tolist(), hill[:2](sizes), hill(sizes)
for i, colour in enumerate(("#2f6fb5", "#d9523f")):
    ax.plot(x, hidden[:, i].tolist(), color=colour, linestyle="--", label=f"$a_{i + 1}$")
ax.plot(x, output.flatten().tolist(), color="#2e8b57", linewidth=2.4, label=plots.label("合起来", "together"))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
title = plots.label("两条 S 形合成一座山", "Two S-curves make a hill")
plots.dress(ax, title=title, xlabel=plots.label("大小", "size"), ylabel=plots.label("有毒的概率", "chance of poison"))
plots.save(ax, "04_hill.png")

# %% [markdown]
# ## A bad start · 出发点不好
#
# 换一个种子，同样的网络可能只找到一个山脚，停在 74%。它不是坏了，是走进了一片平地，四面的坡都太缓。
# 这在训练里很常见，最简单的办法是换一个出发点再来。

# %%
starts = {}
for seed in range(4):
    model = team(seed)
    train(model, beans, poison, rate=20.0, steps=2000)
    starts[seed] = right(model, beans, poison)
    print(f"种子 {seed}：分对 {starts[seed]:.0%}")

# %% [markdown]
# ## No bend, no hill · 不弯就没有山
#
# 去掉激活函数，两层也只是一层：v(wx + b) + c 展开来还是一个数乘 x 再加一个数。叠一百层，仍是一条直线。
# 下面这个网络同样有七个数，可它能学到的最好的结果，就是最小二乘的那条直线。

# %%
torch.manual_seed(0)
straight = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
straight_losses = train(straight, beans, poison, rate=0.3, steps=2000)
columns = np.stack([beans.numpy().ravel(), np.ones(len(beans))], axis=1)
_, residual, *_ = np.linalg.lstsq(columns, poison.numpy().ravel(), rcond=None)
line_loss = residual.item() / len(beans)
slope = (straight[1].weight @ straight[0].weight).item()
print(f"没有激活函数：误差 {straight_losses[-1]:.6f}，一条直线：{line_loss:.6f}，两层乘起来的斜率：{slope:.4f}")

# %% [markdown]
# ## Deeper · 更深：函数套函数套函数
#
# 层数再多，也是同一件事：g(f(g(f(…x…))))，f 是 wx + b，g 是 σ。链式法则把每一层的 w·a(1 − a) 乘起来。
# 四层串在一起，引擎的导数与连乘积相同。也看得出一个隐患：每个 a(1 − a) 最多 0.25，层数一多，乘积就很小。第十章再说。

# %%
x = Value(0.4, "x")
a, product = x, 1.0
for w, b in ((2.0, -1.0), (-3.0, 1.0), (1.5, 0.5), (4.0, -2.0)):
    a = (w * a + b).sigmoid()
    product *= w * a.data * (1 - a.data)
a.backward()
print(f"引擎：{x.grad:.10f}    连乘：{product:.10f}")

# %% [markdown]
# ## Beans never seen · 没见过的豆豆
#
# 学会了见过的，不算本事；拿一千颗没见过的豆豆来考，才知道学到的是规律还是死记。
# 五颗豆豆全学对了，考试却错了一成，因为五颗说不清山脚在哪里；二十颗就清楚多了。
# 两百颗又添了许多挨着山脚的难题，学过的也会错几颗，可是学过的和没见过的一样好，这才叫放心。这就是泛化。

# %%
exam, answers = datasets.beans("hill", count=1000, seed=1)
generalised = {}
for count in (5, 20, 200):
    few, few_poison = datasets.beans("hill", count=count, seed=2)
    student = team(0)
    train(student, few, few_poison, rate=20.0, steps=5000)
    generalised[count] = right(student, few, few_poison), right(student, exam, answers)
    print(f"学 {count:3} 颗：学过的分对 {generalised[count][0]:6.1%}，没见过的分对 {generalised[count][1]:6.1%}")

# %% [markdown]
# ## In the plane: the border bends · 两个特征：界线弯了
#
# 再来一种豆豆：又大（超过 0.4）颜色又深（也超过 0.4）的才有毒。有毒的占着一个角，一条直线围不住，两个隐藏神经元可以：
# 它们各画一条直线，合起来的界线在拐角处弯过去。拐角是圆的，紧挨着它的豆豆还会错几颗。

# %%
beans, _ = datasets.beans("two", count=200)
poison = (beans > 0.4).all(dim=1, keepdim=True).float()
torch.manual_seed(0)
flat = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
bent = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
train(flat, beans, poison, rate=5.0, steps=1000)
train(bent, beans, poison, rate=20.0, steps=4000)
flat_right, bent_right = right(flat, beans, poison), right(bent, beans, poison)
print(f"一个神经元分对 {flat_right:.1%}，两个隐藏神经元分对 {bent_right:.1%}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, model, name in zip(axes, (flat, bent), (one_name, two_name), strict=True):
    plots.dress(plots.decision(model, beans, poison, ax=ax), title=name)
plots.save(figure, "04_borders.png")
plots.save(plots.surface(bent, beans, poison), "04_surface.png")
plots.save(plots.neurons(bent, beans, poison), "04_neurons.png")

# %% [markdown]
# 图 `04_neurons.png` 是两个隐藏神经元各自看到的平面：都是一条直线。弯，是合出来的。
#
# 特征再多，图就画不出来了，数学却一个字也不用改：`nn.Linear(3, 2)`、`nn.Linear(100, 2)`，照样求导，照样下山。
#
# ## Three things to try · 试一试
#
# 1. 把小山改成“高、低、高”（`1 - poison`），要不要换网络？
# 2. 两座山（低、高、低、高、低）要几个隐藏神经元？先猜，再试。
# 3. 把隐藏层的 `nn.Sigmoid()` 换成 `nn.ReLU()`，学习率减到 0.5，两个神经元还画得出山吗？为什么？
