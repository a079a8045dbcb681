# %% [markdown]
# # 8. Four people · 四个人
#
# 教程三的网络看体重和身高，猜一个人的性别。训练集只有四个人，够小，可以把一个权重的导数从头到尾算在纸上。
# 这一章让 `viz.explain` 用我们自己的数把那张纸再写一遍，然后训练，最后认识两个新人：Emily 和 Frank。
#
# 需要在仓库目录里 `pip install '.[plot]'`。

# %%
import random

import matplotlib.pyplot as plt
from tqdm import tqdm

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, viz
from micrograd_cn.viz import plots

# %% [markdown]
# ## One neuron, three neurons · 一个神经元，三个神经元
#
# 加权、求和、加偏置，再由 sigmoid 压到 0 和 1 之间。


# %%
def neuron(w, x, b):
    """σ(w·x + b)."""
    return (w[0] * x[0] + w[1] * x[1] + b).sigmoid()


one = neuron([Value(0.0), Value(1.0)], [2, 3], Value(4.0))
h = neuron([Value(0.0), Value(1.0)], [2, 3], Value(0.0))
three = neuron([Value(0.0), Value(1.0)], [h, h], Value(0.0))
print(f"一个神经元 w = [0, 1]，b = 4，x = [2, 3]：教程 0.9990889488055994，我们 {one.data!r}")
print(f"h1 = h2 = σ(3)：教程 0.9526，我们 {h.data:.4f}")
print(f"三个神经元 w = [0, 1]，b = 0，x = [2, 3]：教程 0.7216325609518421，我们 {three.data!r}")

# %% [markdown]
# ## The people, and how wrong a guess is · 四个人，以及猜错多少
#
# 体重减去 135 磅、身高减去 66 英寸，女性记作 1，男性记作 0。

# %%
PEOPLE = {"Alice": (133, 65), "Bob": (160, 72), "Charlie": (152, 70), "Diana": (120, 60)}  # 磅，英寸
NAMES = list(PEOPLE)
x, y = datasets.people()
shifted = [[weight - 135, height - 66] for weight, height in PEOPLE.values()]
for name, features, sex in zip(NAMES, x.tolist(), y.flatten().tolist(), strict=True):
    print(f"{name:8}{PEOPLE[name]} → {features}  {sex:g}")
always_male = nn.functional.mse_loss(torch.zeros(4, 1), y).item()
print(f"全都猜男性，均方误差：教程 0.5，我们 {always_male}")


# %% [markdown]
# ## On paper · 写在纸上
#
# 所有权重取 1，偏置取 0，只看 Alice (−2, −1)，她的答案是 1。w1 增大一点，损失会怎样变？
# 从 L 到 w1 只有一条路：L ← o1 ← h1 ← w1。`explain` 走过它，写出每一段的导数和它们的乘积。


# %%
def network(x, w1, w2, w3, w4, w5, w6, b1, b2, b3):
    """Two hidden neurons and an output neuron; what they answer, h1, h2 and o1."""
    h1 = neuron([w1, w2], x, b1)
    h2 = neuron([w3, w4], x, b2)
    return h1, h2, neuron([w5, w6], [h1, h2], b3)


def named(**results):
    """Give results their names for the report."""
    for name, value in results.items():
        value.label = name


p = {f"w{i}": Value(1.0, f"w{i}") for i in range(1, 7)} | {f"b{i}": Value(0.0, f"b{i}") for i in range(1, 4)}
h1, h2, o1 = network((-2, -1), **p)
loss = (1 - o1) ** 2
named(h1=h1, h2=h2, o1=o1, L=loss)
print(f"h1 = h2 = {h1.data:.4f}（教程 0.0474），o1 = {o1.data:.3f}（教程 0.524）\n")
derivation = viz.explain(loss, p["w1"])
print(derivation)

# %% [markdown]
# 教程写的是 −0.952 × 0.249 × −0.0904 = 0.0214：它每一步只留三位有效数字，`explain` 最后一行照样做了一遍。
# 不四舍五入的乘积是 0.02147，和 `backward()` 给出的一样。

# %%
loss.backward()
print(f"w1.grad = {p['w1'].grad!r}")
before = loss.data
for w in p.values():
    w.data -= 0.1 * w.grad
after = (1 - network((-2, -1), **p)[2]).data ** 2
print(f"导数是正的，所以减小 w1。每个数走一小步，Alice 的损失从 {before:.4f} 降到 {after:.4f}")

# %% [markdown]
# ## Training · 训练
#
# 九个数从正态分布里取，学习率 0.1。每次只看一个人就改一次（随机梯度下降），四个人看完是一轮，一共一千轮。

# %%
random.seed(0)
p = {name: Value(random.gauss(0, 1), name) for name in p}
people = list(zip(x.tolist(), y.flatten().tolist(), strict=True))
losses = []
for _ in tqdm(range(1000), desc="训练", leave=False):
    total = 0.0
    for features, sex in people:
        loss = (sex - network(features, **p)[2]) ** 2
        for w in p.values():
            w.zero_grad()
        loss.backward()
        for w in p.values():
            w.data -= 0.1 * w.grad
        total += loss.data
    losses.append(total / 4)
for epoch in (0, 10, 100, 500, 999):
    print(f"第 {epoch:3} 轮，损失 {losses[epoch]:.3f}")

EMILY, FRANK = (-7, -3), (20, 2)  # 128 磅 63 英寸；155 磅 68 英寸
emily, frank = network(EMILY, **p)[2].data, network(FRANK, **p)[2].data
print(f"Emily：教程 0.951，我们 {emily:.3f}，女性")
print(f"Frank：教程 0.039，我们 {frank:.3f}，男性")

# %%
ax = plots.loss_curve(losses)
ax.set_yscale("log")
plots.save(ax, "08_loss.png")

# %% [markdown]
# ## Is it luck? · 是碰巧吗？
#
# 教程的起点也是随机的，没有印出来，所以我们的数不会正好是 0.951 和 0.039。换两百个起点看看它们落在哪里：
# 像第 6 章那样，每个权重换成一列两百个数，`network` 一个字都不用改。

# %%
torch.manual_seed(0)
columns = {name: torch.randn(200, 1, dtype=torch.float64, requires_grad=True) for name in p}
optimizer = torch.optim.SGD(columns.values(), lr=0.1)
for _ in tqdm(range(1000), desc="两百个起点", leave=False):
    for features, sex in people:
        each = (sex - network(features, **columns)[2]) ** 2
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
with torch.no_grad():
    emilies, franks = (network(who, **columns)[2].flatten() for who in (EMILY, FRANK))
for name, answers, printed in (("Emily", emilies, 0.951), ("Frank", franks, 0.039)):
    low, middle, high = answers.min().item(), answers.median().item(), answers.max().item()
    print(f"{name}：最小 {low:.3f}，中位 {middle:.3f}，最大 {high:.3f}，教程 {printed}")

# %% [markdown]
# 每一个起点都认对了两个人，教程的两个数落在我们的范围里。

# %% [markdown]
# ## The border · 分界线
#
# 九个数放进 `nn.Sequential`，看它把体重和身高的平面怎样分开。菱形是两个新人。

# %%
model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
w = {name: value.data for name, value in p.items()}
numbers = {
    "0.weight": [[w["w1"], w["w2"]], [w["w3"], w["w4"]]],
    "0.bias": [w["b1"], w["b2"]],
    "2.weight": [[w["w5"], w["w6"]]],
    "2.bias": [w["b3"]],
}
model.load_state_dict({name: torch.tensor(data) for name, data in numbers.items()})
figure, axes = plt.subplots(layout="constrained")
plots.decision(model, x, y, ax=axes)
for name, place in zip([*NAMES, "Emily", "Frank"], [*x.tolist(), EMILY, FRANK], strict=True):
    side, shift = ("right", -6) if name == "Alice" else ("left", 6)  # Alice 紧挨着分界线
    axes.annotate(name, place, xytext=(shift, -4), textcoords="offset points", ha=side, zorder=5)
axes.scatter(*zip(EMILY, FRANK, strict=True), marker="D", color="#2e9e5b", edgecolors="white", zorder=4)
weight = plots.label("体重 − 135（磅）", "weight - 135 (lb)")
height = plots.label("身高 − 66（英寸）", "height - 66 (in)")
plots.save(plots.dress(axes, xlabel=weight, ylabel=height), "08_people.png")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 在“写在纸上”那一格里把 `p["w1"]` 换成 `p["b3"]`：这条路上为什么只有两个因子？`lang="en"` 和 `.latex` 呢？
# 2. 用磅和英寸的原数（133、65 ……）训练，还学得会吗？为什么要先减去 135 和 66？
# 3. 加进你自己和朋友，再画分界线；四个人够不够？
