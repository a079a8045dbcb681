# %% [markdown]
# # 2. Squared error · 平方误差：一条抛物线，一只碗
#
# 上一章的小蓝每错一次就改一点，却没有说清楚“错了多少”该怎么量。
# 这一章选一把尺子：误差的平方。选定之后，学习就成了几何：误差是权重的函数，画出来是一道山谷，学习就是往谷底走。
# 一个参数是抛物线，两个参数是一只碗。每一步的坡度都由引擎来求，每一个数都与手算对照。
#
# 需要在仓库目录里 `pip install '.[plot]'`（图用 matplotlib 画）。

# %% [markdown]
# ## Why square? · 为什么要平方
#
# 一次高估 1，一次低估 1，直接相加等于没错过。平方之后都是正数，躲不掉；而且错 3 倍要罚 9 倍，错 10 倍要罚 100 倍。

# %%
import matplotlib.pyplot as plt
import numpy as np

import micrograd_cn as torch
from micrograd_cn import Value, datasets, optim
from micrograd_cn.viz import plots

mistakes = (+1, -1)
print(f"直接相加：{sum(mistakes)}    平方再相加：{sum(m**2 for m in mistakes)}")
penalties = {m: m**2 for m in (1, 3, 10)}
print("    ".join(f"错 {m} 罚 {p}" for m, p in penalties.items()))

# %% [markdown]
# ## One bean makes a parabola · 一颗豆豆，一条抛物线
#
# 一颗豆豆，大小 x = 0.4，毒性 y = 0.68。x 和 y 已经定了，误差 e = (y − wx)² 里能动的只有 w，所以它是 w 的二次函数。
# 三个系数不必展开括号：在 w = 0 处，函数值是常数项，一阶导数是一次项，二阶导数的一半是二次项。
# 导数由引擎来求；`create_graph=True` 让导数自己也能再求导。

# %%
x, y = 0.4, 0.68


def error(w):
    return (y - w * x) ** 2


w = Value(0.0, "w")
e = error(w)
(slope,) = torch.autograd.grad(e, w, create_graph=True)
(curvature,) = torch.autograd.grad(slope, w)
polynomial = curvature.data / 2, slope.data, e.data

print("             教程      我们")
tutorials = {"w² 的系数": 0.16, "w  的系数": -0.544, "常数项   ": 0.4624}
for (name, tutorial), ours in zip(tutorials.items(), polynomial, strict=True):
    print(f"{name}  {tutorial:7.4f}   {ours:7.4f}")

# %% [markdown]
# 二次项 0.16 是正数，抛物线开口向上，谷底只有一个，在斜率为零的地方：
# w = 0.544 / 0.32 = 1.7，那里 1.7 × 0.4 正好是 0.68。
#
# ## The slope, link by link · 斜率：一环一环地求
#
# e = (y − wx)² 是函数套函数：里面 h = y − wx，外面 e = h²。里面的导数是 −x，外面的是 2h，乘起来就是 −2x(y − wx)。
# 引擎做的正是这件事，它把每一环的结果都留着。

# %%
w = Value(0.0, "w")
h = y - w * x
e = h**2
e.backward()
print(f"dh/dw = −x = {-x}    de/dh = 2h = {2 * h.data:g}    乘积 = {2 * h.data * -x:g}    引擎：w.grad = {w.grad:g}")
print(f"把误差当成 w 的函数：0.32·w − 0.544，在 w = 0 处也是 {0.32 * 0 - 0.544:g}")

# %% [markdown]
# ## Downhill · 下山
#
# 斜率为正，说明往右是上坡，该往左走；斜率为负就往右走。所以新的 w = 旧的 w − α·斜率，不用分情况。
# α 是学习率。从谷的左边（w = 0）和右边（w = 3）各走一趟。


# %%
def descend(w, rate, steps):
    """The weights along the way, from the first to the last."""
    path, w = [w], Value(w, "w")
    for _ in range(steps):
        w.zero_grad()
        error(w).backward()
        w.data -= rate * w.grad
        path.append(w.data)
    return path


from_left, from_right = descend(0.0, 1.0, 20), descend(3.0, 1.0, 20)
print("步数   从左边      误差        从右边      误差")
for k in (0, 1, 2, 5, 10, 20):
    left, right = from_left[k], from_right[k]
    print(f"{k:3}   {left:8.5f}  {error(left):9.2e}   {right:8.5f}  {error(right):9.2e}")

plots.save(plots.descent(error, from_left), "02_descent.png")

# %% [markdown]
# 越走越慢，因为越近谷底坡越缓。每一步到 1.7 的距离都乘上同一个数 1 − 0.32α，所以第 k 步的位置可以直接写出来：
# 1.7·(1 − (1 − 0.32α)ᵏ)。这也说清了学习率的好坏：
#
# * α 很小，这个数接近 1，走得很慢；
# * α = 1/0.32 = 3.125 时它是 0，一步到底；
# * α = 6.25 时它是 −1，在谷的两边来回跳，永远不动；
# * 再大，越跳越高。

# %%
rates = {rate: descend(0.0, rate, 10) for rate in (0.1, 1.0, 3.125, 6.25, 7.0)}
for rate, places in rates.items():
    print(f"α = {rate:5g}：" + "  ".join(f"{w:7.3f}" for w in places[:6]) + f"  …  {places[-1]:8.3f}")

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
around = np.linspace(-0.5, 3.9)
for ax, rate in zip(axes, (0.1, 3.125, 6.25), strict=True):
    ax.plot(around, error(around), color="#2f6fb5", linewidth=2)
    plots.descent(error, rates[rate], ax=ax)
    ax.set(title=rf"$\alpha$ = {rate}", xlim=(-0.5, 3.9), ylim=(-0.05, 0.8))
plots.save(figure, "02_rates.png")

# %% [markdown]
# ## Rosenblatt knew · 罗森布拉特早就知道
#
# 上一章的规则是 w ← w + α·(y − wx)·x，梯度下降是 w ← w + α·2(y − wx)·x，只差一个 2。
# 所以学习率为 α 的感知器，走的就是学习率为 α/2 的梯度下降，一步不差。

# %%
rosenblatt = [0.0]
for _ in range(10):
    rosenblatt.append(rosenblatt[-1] + 1.0 * (y - rosenblatt[-1] * x) * x)
half_rate = descend(0.0, 0.5, 10)
print("最大的差别：", max(abs(a - b) for a, b in zip(rosenblatt, half_rate, strict=True)))

# %% [markdown]
# ## All the beans · 所有的豆豆
#
# 一百颗豆豆，一百条抛物线。平均起来还是一条抛物线，系数是 x²、−2xy、y² 的平均。

# %%
beans, poison = datasets.beans("linear")
xs, ys = beans.numpy().ravel().astype(float), poison.numpy().ravel().astype(float)
w = torch.zeros((), dtype=torch.float64, requires_grad=True)


def mean_error(w, b=0.0):
    return ((poison.double() - (beans.double() * w + b)) ** 2).mean()


e = mean_error(w)
(slope,) = torch.autograd.grad(e, w, create_graph=True)
(curvature,) = torch.autograd.grad(slope, w)
averaged = curvature.item() / 2, slope.item(), e.item()
by_formula = np.mean(xs**2), np.mean(-2 * xs * ys), np.mean(ys**2)
print("引擎：", *(f"{c:9.6f}" for c in averaged))
print("公式：", *(f"{c:9.6f}" for c in by_formula))

# %% [markdown]
# ## Lines that miss the origin · 不过原点的直线
#
# y = wx 无论怎么转都钉在原点上，而这片海里的豆豆再小也有 0.2 左右的毒。
# 再想一片海：那里的豆豆越大越安全。只有 w 的小蓝在这两处都学不好，加上偏置 b 就行了。


# %%
def best(target, bias):
    """Least squares: the weight (and the bias) with the smallest error, and that error."""
    columns = np.stack([xs, np.ones_like(xs)][: 1 + bias], axis=1)
    found = np.linalg.lstsq(columns, target, rcond=None)[0]
    return found, np.mean((columns @ found - target) ** 2)


seas = {"再小也有毒": ys, "越大越安全": 1.6 - ys}
print("             只有 w 的误差   w 和 b 的误差")
for sea, target in seas.items():
    print(f"{sea}   {best(target, False)[1]:10.5f}      {best(target, True)[1]:10.5f}")

# %% [markdown]
# ## From a valley to a bowl · 从山谷到碗
#
# 有了 b，误差就是 w 和 b 两个数的函数 e(w, b)，画出来是一张曲面。
# 只有一颗豆豆时，它不是碗，是一道笔直的长谷：沿着 0.4w + b = 0.68 这条线，处处误差为零，w 多一点、b 少一点，照样命中。
# 看二阶导数（Hessian）就知道：一颗豆豆的两个特征值中有一个是 0，沿着那个方向谷底是平的；
# 很多豆豆平均起来，两个都是正的，这才是碗。


# %%
def one_bean(w, b):
    return (y - (w * x + b)) ** 2


zero = torch.zeros((), dtype=torch.float64)


def curvatures(e):
    """The curvatures of ``e`` along its two axes: the eigenvalues of the second derivatives."""
    hessian = torch.autograd.functional.hessian(e, (zero, zero))
    return torch.linalg.eigvalsh(torch.stack([torch.stack(row) for row in hessian])).tolist()


slide = [(0.0, 0.0)]
for _ in range(25):
    w, b = (Value(place) for place in slide[-1])
    one_bean(w, b).backward()
    slide.append((w.data - 0.2 * w.grad, b.data - 0.2 * b.grad))
plots.save(plots.bowl(one_bean, slide), "02_valley.png")

valley, bowl = curvatures(one_bean), curvatures(mean_error)
print(f"一颗豆豆：{valley[0]:.4f} 和 {valley[1]:.4f}    一百颗：{bowl[0]:.4f} 和 {bowl[1]:.4f}")
print(f"碗在一个方向上比另一个方向陡 {bowl[1] / bowl[0]:.0f} 倍，所以看上去很扁。")

# %% [markdown]
# ## Two cuts through the bowl · 在碗上切两刀
#
# 偏导数就是切开来看：把 b 按在 0 上不动，碗被切出一条只随 w 变的抛物线，它的斜率是 ∂e/∂w；按住 w 切另一刀，得到 ∂e/∂b。
# 两条抛物线各有各的谷底，都不是碗底：只拧一个旋钮，走不到最低的地方。

# %%
start = torch.zeros(2, dtype=torch.float64, requires_grad=True)
mean_error(start[0], start[1]).backward()
partials = start.grad.tolist()
print(f"在 (0, 0) 处：∂e/∂w = {partials[0]:.4f}，公式 −2·平均(xy) = {-2 * np.mean(xs * ys):.4f}")
print(f"             ∂e/∂b = {partials[1]:.4f}，公式 −2·平均(y) = {-2 * np.mean(ys):.4f}")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
along_w, along_b = np.mean(xs * ys) / np.mean(xs**2), np.mean(ys)  # 两条抛物线的谷底
plots.descent(lambda w: mean_error(w, 0.0), [0.0, along_w], ax=axes[0]).set_title("$e(w, 0)$")
plots.dress(plots.descent(lambda b: mean_error(0.0, b), [0.0, along_b], ax=axes[1]), title="$e(0, b)$", xlabel="$b$")
plots.save(figure, "02_slices.png")
print(f"只拧 w 到 {mean_error(along_w):.4f}，只拧 b 到 {mean_error(0.0, along_b):.4f}，碗底是 {best(ys, True)[1]:.4f}")

# %% [markdown]
# ## Two knobs at once · 两个旋钮一起拧
#
# 两个偏导数合起来就是梯度：对 w 的和对 b 的各管一个旋钮，同时拧。下面用的就是训练任何网络的那五行：
# 算误差、清零、反向传播、走一步，再来一遍。先陡后缓，路是弯的：很快下到谷底的长沟里，再沿着沟慢慢走。
# 损失曲线的纵轴是对数刻度，一大格差十倍：两三步就掉了九成，接着慢慢走一百步，到 0.0032 为止，那是豆豆自己的参差。

# %%
wb = torch.zeros(2, dtype=torch.float64, requires_grad=True)
optimizer = optim.SGD([wb], lr=0.3)
path, losses = [], []
for _ in range(400):
    loss = mean_error(wb[0], wb[1])
    path.append(tuple(wb.tolist()))
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

learnt = wb.tolist()
exact = best(ys, True)[0]
print(f"梯度下降：w = {learnt[0]:.5f}, b = {learnt[1]:.5f}    最小二乘的解：w = {exact[0]:.5f}, b = {exact[1]:.5f}")

plots.save(plots.bowl(mean_error, path), "02_bowl.png")
plots.save(plots.contours(mean_error, path), "02_contours.png")
ax = plots.loss_curve(losses)
ax.set_yscale("log")
plots.save(ax, "02_losses.png")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 把豆豆换成 x = 0.8，y = 0.68：抛物线变陡还是变缓？最大的学习率（来回跳的那个）变成多少？
# 2. 给 `optim.SGD` 加上 `momentum=0.9`，再看等高线上的路，还会拐那么大的弯吗？
# 3. 把误差换成 `abs(y - w * x)`：谷底还是平的吗？用同样的 α 下山，它停得下来吗？
