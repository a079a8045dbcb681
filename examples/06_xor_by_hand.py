# %% [markdown]
# # 6. XOR by hand · 徒手学会异或
#
# 上一章的一个神经元学会了与、或、非，却学不会异或：一条直线分不开对角上的点。
# 这一章加上中间的两个神经元，只用普通的数来训练它，权重一个一个写出来，不用矩阵。
# 教程印出了它的起点、训练后的九个数和四个预测，我们从同一个起点出发，看能不能走到同一个地方。
#
# 需要在仓库目录里 `pip install '.[plot]'`。

# %%
import matplotlib.pyplot as plt
from tqdm import tqdm

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn
from micrograd_cn.viz import plots

# %% [markdown]
# ## Two neurons in the middle · 中间的两个神经元
#
# 两个输入各连到两个中间神经元，它们再连到输出，一共六个权重、三个偏置：
#
# ```
# y1 = ReLU(w1·x1 + w3·x2 + b1)
# y2 = ReLU(w2·x1 + w4·x2 + b2)
# y  = ReLU(w5·y1 + w6·y2 + b3)
# ```


# %%
def network(x1, x2, w1, w2, w3, w4, w5, w6, b1, b2, b3):
    """What the 2-2-1 network answers, and the two neurons in its middle."""
    y1 = (w1 * x1 + w3 * x2 + b1).relu()
    y2 = (w2 * x1 + w4 * x2 + b2).relu()
    return (w5 * y1 + w6 * y2 + b3).relu(), y1, y2


TRUTH = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]  # x1, x2 和正确的答案

# 教程的起点，和它训练 10,000 轮之后印出的数
START = {
    "w1": 0.9550195641305104, "w2": 0.14966699439564202, "w3": 0.3724530186688523,
    "w4": 0.2918470706407119, "w5": 0.9307877788007731, "w6": 0.15420500041785823,
    "b1": 0.6885635070835702, "b2": 0.007327282692478065, "b3": 0.6720023468053917,
}  # fmt: skip
PRINTED = {
    "w1": 0.9411855394820262, "w2": 1.081520036084144, "w3": 0.9411855383955807,
    "w4": 1.0815200346093992, "w5": 1.0624827954556706, "w6": -1.8492392682881917,
    "b1": 0.10083647508443963, "b2": -1.0815200439276933, "b3": -0.10713294170194569,
}  # fmt: skip
PRINTED_ANSWERS = [4.0782296658048445e-06, 0.999997520106653, 0.9999975212609825, 1.6602024642403679e-06]

# %% [markdown]
# ## The chain rule, once by hand · 链式法则，先手算一次
#
# 只看一个样本 (1, 0)，它的答案应当是 1，损失是 L = (y − 1)²。从 L 往回走，每一段路乘一个局部的导数：
#
# * 到 w5：∂L/∂y · 1 · y1 = 2(y − 1)·y1
# * 到 w1：∂L/∂y · 1 · w5 · 1 · x1 = 2(y − 1)·w5·x1
#
# 两个 1 是 ReLU 的导数：它的输入大于 0 时是 1，否则是 0，整条路就断了。

# %%
p = {name: Value(number, name) for name, number in START.items()}
y, y1, y2 = network(1, 0, **p)
loss = (y - 1) ** 2
loss.backward()
by_hand = {"w5": 2 * (y.data - 1) * y1.data, "w1": 2 * (y.data - 1) * p["w5"].data * 1}
for name, number in by_hand.items():
    print(f"∂L/∂{name}: 手算 {number:.15f}，引擎 {p[name].grad:.15f}")

# %% [markdown]
# ## Ten thousand epochs · 一万轮
#
# 四个样本的损失取平均，九个数各减去 0.01 × 梯度，重复一万次。教程把九个导数的公式一条一条写进循环；
# 这里只写前向，`backward()` 一句代替它们。

# %%
losses = []
for _ in tqdm(range(10_000), desc="训练", leave=False):
    loss = sum((network(x1, x2, **p)[0] - truth) ** 2 for x1, x2, truth in TRUTH) / 4
    for w in p.values():
        w.zero_grad()
    loss.backward()
    for w in p.values():
        w.data -= 0.01 * w.grad
    losses.append(loss.data)

trained = {name: w.data for name, w in p.items()}
print(f"{'':4}{'起点':>8}{'教程':>20}{'我们':>22}")
for name, number in trained.items():
    print(f"{name:4}{START[name]:10.6f}{PRINTED[name]:24.16f}{number:24.16f}")

rows = [[v.data for v in network(x1, x2, **p)] for x1, x2, _ in TRUTH]
answers = [row[0] for row in rows]
print(f"\n x1 x2{'y1':>10}{'y2':>10}{'y（我们）':>17}{'y（教程）':>20}")
for (x1, x2, _), (y, y1, y2), printed in zip(TRUTH, rows, PRINTED_ANSWERS, strict=True):
    print(f"{x1:3}{x2:3}{y1:12.6f}{y2:10.6f}{y:22.15f}{printed:22.15f}")

# %% [markdown]
# 同一个起点，走一万步之后，九个数的前十二位都相同：我们的引擎算的就是教程手写的那些导数。
#
# 损失曲线的纵轴是对数刻度，一格差一百倍。先在 0.25 附近的平地上走了两千轮，快要失败的样子，
# 然后找到了路。后面是一条斜着的直线：每一轮都缩小同样的倍数，再走多久也只是更近，不会正好到 0。

# %%
ax = plots.loss_curve(losses)
ax.set_yscale("log")
plots.save(ax, "06_loss.png")


# %% [markdown]
# ## Two hundred starts at once · 两百个起点一起走
#
# 教程说：要多运行几次，有时会停在 y = 0.5 的平面上。“有时”是多少？
# `network` 里的每个 w 是一个数，可是换成一列数（`Tensor`，两百行一列），同一段代码就同时训练两百个网络，
# 每行一个，互不相干：损失加起来再 `backward()`，每一行仍然只得到自己的梯度。


# %%
def train_many(low, count=200, epochs=10_000):
    """Train the network from ``count`` starts between ``low`` and 1; the nine columns, answers and losses."""
    torch.manual_seed(1)
    columns = {name: torch.empty(count, 1, dtype=torch.float64).uniform_(low, 1).requires_grad_() for name in START}
    x1, x2, truth = torch.tensor(TRUTH, dtype=torch.float64).T
    optimizer = torch.optim.SGD(columns.values(), lr=0.01)
    for _ in tqdm(range(epochs), desc=f"起点取自 [{low}, 1)", leave=False):
        answer = network(x1, x2, **columns)[0]
        each = ((answer - truth) ** 2).mean(1)
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
    return torch.hstack(list(columns.values())).tolist(), answer.tolist(), each.tolist()


census = {}
for low in (0, -1):
    starts = train_many(low)
    outcomes = [tuple(round(y, 1) + 0.0 for y in answer) for answer in starts[1]]
    census[low] = starts, outcomes
    print(f"200 个起点取自 [{low}, 1)，一万轮之后的四个答案：")
    for outcome in sorted(set(outcomes), key=outcomes.count, reverse=True)[:6]:
        print(f"  {outcomes.count(outcome):4} 次  {outcome}")

# %% [markdown]
# 起点都在 0 和 1 之间时（教程就是这样取的），大约八次里只有一次成功，其余都停在 0.5 的平面上。
# 起点可正可负时，失败的样子更多：输出神经元一开始就“死”了，四个答案全是 0；或者只抬起了一个角，另外三个是 1/3。
# 在这些地方梯度都是 0，再训练多久也不会动。所以初始化很重要，所以教程让你多运行几次。

# %% [markdown]
# ## Two successes, two failures · 两种成功，两种失败
#
# 把九个数放进 `nn.Sequential`，画出它在整个正方形上的答案。


# %%
def as_model(w1, w2, w3, w4, w5, w6, b1, b2, b3):
    """The nine numbers as a model of layers."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    numbers = {"0.weight": [[w1, w3], [w2, w4]], "0.bias": [b1, b2], "2.weight": [[w5, w6]], "2.bias": [b3]}
    model.load_state_dict({name: torch.tensor(data) for name, data in numbers.items()})
    return model


def found(low, outcome, good=lambda numbers: True):
    """The first of the two hundred networks that ended with this outcome."""
    (columns, _, _), outcomes = census[low]
    return next(c for c, o in zip(columns, outcomes, strict=True) if o == outcome and good(c))


four = {
    ("成功一：两道平行的折痕", "success 1: two parallel folds"): list(trained.values()),
    ("成功二：两面相对的坡", "success 2: two facing slopes"): found(0, (0, 1, 1, 0), lambda c: c[0] * c[1] < 0),
    ("失败一：躺平在 0.5", "failure 1: flat at 0.5"): found(0, (0.5, 0.5, 0.5, 0.5)),
    ("失败二：只抬起一个角", "failure 2: one corner only"): found(-1, (0.3, 1.0, 0.3, 0.3)),
}
x, y = datasets.gates("xor")
figure = plt.figure(figsize=(9, 8), layout="constrained")
for i, (title, numbers) in enumerate(four.items(), 1):
    axes = plots.surface(as_model(*numbers), x, y, ax=figure.add_subplot(2, 2, i, projection="3d"))
    plots.dress(axes, title=plots.label(*title))
plots.save(axes, "06_surfaces.png")

# %% [markdown]
# 两种成功是两种折纸的办法：教程的起点折出两道平行的折痕，先升后降；另一种是两面坡隔着一条谷相望。
# 答案不是唯一的，四个角上的数对了就行。

# %% [markdown]
# ## The exact solution · 精确解
#
# 训练只会走近，不会走到。可是有一组整数，损失正好是 0：

# %%
exact = dict(w1=1, w2=1, w3=1, w4=1, w5=1, w6=-2, b1=0, b2=-1, b3=0)
model = as_model(*map(float, exact.values()))
exact_loss = nn.MSELoss()(model(x), y).item()
hidden = model[:2](x)
print(f"损失：{exact_loss}")
for point, middle, answer in zip(x, hidden, model(x), strict=True):
    print(f"{point.tolist()} → 中间 {middle.tolist()} → 输出 {answer.tolist()}")

# %% [markdown]
# ## Space is folded · 空间被折叠
#
# 为什么两个神经元就够？看这四个点一路上被搬到了哪里：
#
# 1. 权重矩阵 [[1, 1], [1, 1]] 把整个平面压到一条 45° 的斜线上：四个点变成 (0, 0)、(1, 1)、(1, 1)、(2, 2)。
# 2. 加上偏置 (0, −1)，斜线下移。
# 3. ReLU 把横轴以下的部分折上来，斜线折成了两段：四个点成了三个，(0, 0)、(1, 0)、(2, 1)。
# 4. 现在一条直线就能把 (1, 0) 和另外两个分开：y1 − 2·y2 把 (2, 1) 送回 0。
#
# 原来一条直线做不到的事，在折过的空间里一条直线就做到了。

# %%
line = (x @ model[0].weight.T).tolist()
shifted = model[0](x).tolist()
folded = hidden.tolist()
for name, points in {"压到斜线": line, "加偏置": shifted, "折叠": folded, "输出": model(x).tolist()}.items():
    print(f"{name}：{points}")
plots.save(plots.folding(model, x, y), "06_folding.png")

# 教程把第二次变换也写成 2×2 的矩阵：第二行是 0，平面压成横轴上的一条线，(2, 1) 回到了原点
second = torch.tensor([[1.0, -2.0], [0.0, 0.0]])
transformed = (hidden @ second.T).tolist()
print(f"第二次线性变换：{transformed}")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 把 `lr=0.01` 改成 0.1，两百个起点里成功的多了还是少了？改成 1 呢？
# 2. 中间改成三个神经元（再加 w7、w8、w9 和 b4），失败的起点还有多少？
# 3. 把最后一个 ReLU 去掉：“四个答案全是 0”还会发生吗？为什么？
