# %% [markdown]
# # 10. Circle and spiral · 圈圈与蚊香
#
# 教程一最后走进 TensorFlow 游乐场：一圈豆子要几个神经元才围得住？蚊香一样的两条螺旋，深的 sigmoid 网络为什么一动不动？
# 这一章在同样的数据上把每句话量一遍：两个不行、三个行；梯度消失有多小；ReLU 死了几个；leaky ReLU 能不能救活。
#
# 需要在仓库目录里 `pip install '.[plot]'`。

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
from tqdm import tqdm

import micrograd_cn as torch
from micrograd_cn import datasets, nn
from micrograd_cn.viz import plots

bce = nn.BCELoss()


def accuracy(model, x, y):
    """How much of the data the model is right about."""
    with torch.no_grad():
        return ((model(x) > 0.5) == (y > 0.5)).float().mean().item()


# %% [markdown]
# ## The circle: how many lines? · 圈圈：要几条线？
#
# 一个神经元的等高线是一条直线。两条直线围不出一块封闭的地方，三条可以。
#
# 这不只是直觉。两个隐藏神经元的网络是 σ(v1·σ(z1) + v2·σ(z2) + c)，z1、z2 是两条直线的函数，
# 沿 z1 走它只增或只减，沿 z2 也是。圈里一点若答“有毒”，朝让它更肯定的方向一直走，永远不会走出去，可是四周都应当无毒。
# 所以两个神经元训练多久都不行。每种各试五个起点：

# %%
x, y = datasets.circle()
circles = {}
for hidden in (2, 3):
    for seed in tqdm(range(5), desc=f"{hidden} 个隐藏神经元", leave=False):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, hidden), nn.Sigmoid(), nn.Linear(hidden, 1), nn.Sigmoid())
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(1500):
            loss = bce(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        circles[hidden, seed] = model, accuracy(model, x, y)
    found = [circles[hidden, seed][1] for seed in range(5)]
    print(f"{hidden} 个隐藏神经元，五个起点的正确率：" + "、".join(f"{a:.1%}" for a in found))

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for hidden, panel in zip((2, 3), panels, strict=True):
    model, right = max((circles[hidden, seed] for seed in range(5)), key=lambda found: found[1])
    plots.decision(model, x, y, ax=panel)
    title = plots.label(f"{hidden} 个隐藏神经元：{right:.1%}", f"{hidden} hidden neurons: {right:.1%}")
    plots.dress(panel, title=title)
plots.save(panels[0], "10_circle.png")
plots.save(plots.neurons(model, x, y)[0], "10_circle_neurons.png")

# %% [markdown]
# 三个神经元各划一条线，输出神经元把三条线围成的三角形磨圆了角。

# %% [markdown]
# ## Four activations and their slopes · 四个激活函数和它们的斜率
#
# 学习靠斜率，斜率是 0 就没有路。阶跃函数处处是 0，学不了；sigmoid 处处不为 0，可是离中心远了就小得可怜；
# ReLU 在右边永远是 1，左边是 0；leaky ReLU 左边留了 0.01。ReLU 在 0 处是个折点，不可导，PyTorch 和我们都取 0。

# %%
ACTIVATIONS = {
    "step": lambda z: (torch.sign(z) + 1) / 2,
    "sigmoid": torch.sigmoid,
    "ReLU": torch.relu,
    "leaky ReLU": nn.functional.leaky_relu,
}
z = torch.tensor([-10.0, -1.0, 0.0, 1.0, 10.0], requires_grad=True)
slopes = {name: torch.autograd.grad(f(z).sum(), z)[0].tolist() for name, f in ACTIVATIONS.items()}
print("斜率        " + "".join(f"z = {at:<7g}" for at in z.tolist()))
for name, row in slopes.items():
    print(f"{name:12}" + "".join(f"{slope:<11.3g}" for slope in row))

around = torch.linspace(-4, 4, 401)
figure, panels = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for (name, f), panel in zip(ACTIVATIONS.items(), panels, strict=True):
    panel.axhline(0, color="0.5", linewidth=0.8)
    panel.plot(around.tolist(), f(around).tolist(), color=plots.CLASSES[0], linewidth=2)
    panel.set(title=name, ylim=(-0.6, 2.2), xlabel="$z$")
plots.save(figure, "10_activations.png")

# %% [markdown]
# ## The spiral: sigmoid stands still · 蚊香：sigmoid 一动不动
#
# 三个隐藏层，照游乐场的设置训练：每批 10 个，学习率 0.03，随机梯度下降。
# 教程先用每层 4 个 sigmoid 神经元，“预测结果动也不动”。再换成每层 8 个（游乐场的上限），sigmoid 和 ReLU 各一次。


# %%
def deep(activation, width=8, seed=0):
    """Three hidden layers, and a sigmoid at the output."""
    torch.manual_seed(seed)
    sizes = [2, width, width, width]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*hidden, nn.Linear(width, 1), nn.Sigmoid())


def fit(model, name, epochs, lr=0.03):
    """Train as the Playground does; the loss of each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in tqdm(range(epochs), desc=name, leave=False):
        total = 0.0
        for batch in torch.randperm(len(x)).split(10):
            loss = bce(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(x))
    return losses


x, y = datasets.spiral()
spirals = {  # 激活函数，每层几个神经元，训练几轮
    "sigmoid 4-4-4": (nn.Sigmoid, 4, 100),
    "sigmoid 8-8-8": (nn.Sigmoid, 8, 100),
    "ReLU 8-8-8": (nn.ReLU, 8, 300),
}
models = {name: deep(activation, width) for name, (activation, width, _) in spirals.items()}


# %% [markdown]
# ## The vanishing gradient, measured · 量一量消失的梯度
#
# 训练之前先看梯度：同一批数据，同一个损失，每一层权重的梯度平均有多大？
# σ 的导数最大只有 0.25，每往回走一层就至少缩小到四分之一；ReLU 的导数是 1，不缩小。


# %%
def gradient_sizes(model):
    """The mean size of the gradient in each layer's weight, from the first layer on."""
    model.zero_grad()
    bce(model(x), y).backward()
    return [p.grad.abs().mean().item() for p in model.parameters() if p.ndim == 2]


figure, axes = plt.subplots(layout="constrained")
sizes = {}
for name, model in models.items():
    sizes[name] = gradient_sizes(model)
    plots.gradient_sizes(model, ax=axes, name=name)
    numbers, times = "".join(f"{size:11.2e}" for size in sizes[name]), sizes[name][-1] / sizes[name][0]
    print(f"{name:14}{numbers}   末层是首层的 {times:.0f} 倍")
plots.save(axes, "10_gradients.png")

# %%
losses = {name: fit(model, name, spirals[name][2]) for name, model in models.items()}
rights = {name: accuracy(model, x, y) for name, model in models.items()}
for name, curve in losses.items():
    print(f"{name:14} 损失 {curve[0]:.4f} → {curve[-1]:.4f}，正确率 {rights[name]:.1%}")

# %% [markdown]
# 0.6931 就是 ln 2：对每个点都说“一半一半”的损失。sigmoid 网络停在那里，一百轮只挪动了一点点；
# ReLU 网络把两条螺旋分开了。

# %%
plots.save(plots.loss_curve(losses), "10_losses.png")
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for name, panel in zip(("sigmoid 8-8-8", "ReLU 8-8-8"), panels, strict=True):
    plots.dress(plots.decision(models[name], x, y, ax=panel), title=f"{name}: {rights[name]:.1%}")
plots.save(panels[0], "10_spiral.png")
plots.save(plots.neurons(models["ReLU 8-8-8"], x, y)[0], "10_spiral_neurons.png")

# %% [markdown]
# 第一层只会划直线，第二层已经会弯，第三层看见的是螺旋的一段一段：每一层都在前一层折过的空间里再折一次。

# %% [markdown]
# ## Dead ReLUs, counted · 数一数死掉的 ReLU
#
# ReLU 的输入若对所有样本都小于 0，它的梯度就都是 0，权重再也不动，这个神经元就死了。
# 学习率太大时一步迈过头，最容易发生。同一个起点用 0.5 的学习率训练，然后数一数。


# %%
def dead(model):
    """In how many neurons of each hidden layer nothing gets through, for any sample."""
    counts, a = [], x
    with torch.no_grad():
        for layer in model[:-2]:
            a = layer(a)
            if not isinstance(layer, nn.Linear):
                counts.append(int((a <= 0).all(0).sum()))
    return counts


hasty = deep(nn.ReLU)
fit(hasty, "学习率 0.5", 100, lr=0.5)
counted = dead(hasty)
gradient_sizes(hasty)
unmoved = [int((p.grad == 0).all(1).sum()) for p in hasty.parameters() if p.ndim == 2][:3]
print(f"三层里死掉的神经元 {counted}（每层 8 个）；梯度全是 0 的神经元 {unmoved}")
plots.save(plots.dead_relus(hasty[:-2], x), "10_dead.png")

# %% [markdown]
# 梯度全是 0 的比死掉的还多：一个神经元自己活着，可是它的输出只送给死掉的神经元，也就没有梯度回来。
#
# leaky ReLU 在 0 以下还留一点斜率（这里取 0.1），再远也有梯度回来。死掉的网络能救活吗？
# 把 ReLU 换成 leaky ReLU，权重一个不动，学习率调回 0.03，接着训练。


# %%
def leaky():
    """A ReLU that lets a tenth of what is below 0 through."""
    return nn.LeakyReLU(0.1)


revived = deep(leaky)
revived.load_state_dict(hasty.state_dict())
stuck = accuracy(hasty, x, y)
fit(hasty, "仍用 ReLU", 100)
fit(revived, "换成 leaky ReLU", 300)
after, cured = accuracy(hasty, x, y), accuracy(revived, x, y)
print(f"死掉的网络 {stuck:.1%}；仍用 ReLU 再训练一百轮 {after:.1%}，死掉 {dead(hasty)}；换成 leaky ReLU {cured:.1%}")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. `datasets.spiral(noise=0.5)`：正确率还剩多少？训练和考试分开之后呢？
# 2. 圈圈用两个隐藏神经元，但输入换成 x1² 和 x2²，够不够？一个呢？
# 3. 把 sigmoid 换成 `nn.Tanh`（它的导数最大是 1），各层的梯度还差多少倍？
