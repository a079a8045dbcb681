# %% [markdown]
# # 1. The first neuron · 第一个神经元
#
# 海底住着小蓝，他靠豆豆为生，而豆豆有毒。豆豆的大小看得见，毒性看不见，小蓝要从看得见的猜看不见的。
# 这一章给他一个最简单的脑子：1943 年麦卡洛克和皮茨的神经元。然后给他一条最简单的学习规则：1958 年罗森布拉特的感知器。
#
# 需要在仓库目录里 `pip install '.[plot]'`（图用 matplotlib 画）。

# %% [markdown]
# ## A weighted sum · 加权求和
#
# 神经元从树突收到几个数，各自乘上一个权重，加起来，从轴突送出去。权重说的是哪个信息更要紧：
# 大小最要紧，1.5；颜色其次，1.2；气味最轻，0.6。
# 求一次导数就能看出“要紧”是什么意思：大小多一点点，答案就多它的 1.5 倍。

# %%
import matplotlib.pyplot as plt
import numpy as np

from micrograd_cn import Value, datasets
from micrograd_cn.viz import draw, plots

names, weights = ("大小", "颜色", "气味"), (1.5, 1.2, 0.6)
inputs = x1, x2, x3 = [Value(x, name) for x, name in zip((0.5, 0.2, 0.8), names, strict=True)]
w1, w2, w3 = [Value(w, f"w{i}") for i, w in enumerate(weights, 1)]
answer = x1 * w1 + x2 * w2 + x3 * w3
answer.backward()

print(f"0.5 × 1.5 + 0.2 × 1.2 + 0.8 × 0.6 = {answer.data:g}")
print("       教程的权重   我们求出的导数")
for name, weight, x in zip(names, weights, inputs, strict=True):
    print(f"{name}     {weight:5.1f}          {x.grad:5.1f}")
plots.save(draw(answer, params={"w1": w1, "w2": w2, "w3": w3}), "01_neuron.svg")

# %% [markdown]
# ## Threshold, bias and ReLU · 阈值、偏置和 ReLU
#
# 1943 年的神经元还有一道门槛：加权和够大才输出 1，不够就输出 0。把门槛移到等号的另一边，就是偏置 b。
# 教程 002 的神经元把门槛换成了 ReLU：小于 0 的变成 0，大于 0 的原样通过。它的三个数这里也算一遍。

# %%
z = sum(w * x for w, x in zip((0.2, 0.8, -0.5), (Value(1.0), Value(2.0), Value(3.0)), strict=True)) + 2.0
rectified = z.relu().data, Value(-1.2).relu().data
print("               教程    我们")
for name, tutorial, ours in zip(
    ("z          ", "ReLU(2.3)  ", "ReLU(−1.2) "), (2.3, 2.3, 0.0), (z.data, *rectified), strict=True
):
    print(f"{name}   {tutorial:5.1f}   {ours:5.1f}")

# %% [markdown]
# ## Rosenblatt's rule, one bean · 学习：一颗豆豆
#
# 手调权重太笨。罗森布拉特的办法是错了就改：先猜 wx，答案是 y，错了 e = y − wx，就把 w 加上 α·e·x。
#
# * 错得多，改得多；没错，不改；
# * x 也乘进去：输入大，责任就大；
# * α 是学习率，一次改多少由它定。
#
# 小蓝一无所知，从 w = 0 开始，遇到一颗大小 0.4、毒性 0.68 的豆豆，一遍一遍地看它。


# %%
def rosenblatt(w, x, y, rate):
    """The weight after one look at one bean."""
    return w + rate * (y - w * x) * x


x, y = 0.4, 0.68
looks = [0.0]
for _ in range(60):
    looks.append(rosenblatt(looks[-1], x, y, rate=1.0))
for k in (0, 1, 2, 5, 10, 60):
    print(f"看了 {k:2} 遍：w = {looks[k]:.5f}，猜 {looks[k] * x:.5f}，错 {y - looks[k] * x:+.5f}")
print(f"不会再变的地方：y / x = {y / x:g}")

# %% [markdown]
# 每看一遍，剩下的差距就乘上 1 − αx² = 0.84，所以越来越近，却越走越慢。
#
# ## A hundred beans · 一百颗豆豆
#
# 换成一百颗大小不一的豆豆，一颗一颗地看，看完一轮再来一轮。一颗说高一点，下一颗说低一点，
# w 很快停在一个大家都能接受的地方，在那里轻轻晃动。

# %%
beans, poison = datasets.beans("linear")
xs, ys = beans.flatten().tolist(), poison.flatten().tolist()

looked_at = [0.0]
for _ in range(5):
    for x, y in zip(xs, ys, strict=True):
        looked_at.append(rosenblatt(looked_at[-1], x, y, rate=0.1))
rounds = looked_at[::100]
compromise = np.dot(xs, ys) / np.dot(xs, xs)
print("每一轮之后的 w：" + "  ".join(f"{w:.4f}" for w in rounds))
print(f"平方误差最小的 w（下一章）：{compromise:.4f}")

_, ax = plt.subplots(layout="constrained")
ax.scatter(xs, ys, s=14, color="#2f6fb5")
for looked, shade in ((0, 0.25), (10, 0.5), (30, 0.75), (500, 1.0)):
    w = looked_at[looked]
    ax.plot([0, 1], [0, w], color="#d9523f", alpha=shade, linewidth=2)
    seen = plots.label(f"看过 {looked} 颗", f"{looked} beans seen")
    ax.annotate(seen, (1, w), xytext=(6, -3), textcoords="offset points")
ax.set_xlim(0, 1.3)
title = plots.label("罗森布拉特的规则：直线一步步抬起来", "Rosenblatt's rule lifts the line")
plots.dress(ax, title=title, xlabel=plots.label("大小", "size"), ylabel=plots.label("毒性", "poison"))
plots.save(ax, "01_lines.png")

# %% [markdown]
# 图上看得出两件事。直线的方向对了，可是它钉在原点上，而小豆豆的毒性明明不是从 0 开始的：第二章会加上偏置。
# 还有，规则里“错了就改”改得对不对，也要到第二章才说得清。
#
# ## The rule with a threshold · 带门槛的规则
#
# 罗森布拉特的感知器其实带着门槛：输出只有 0 和 1，错误 e 只有 −1、0、+1。
# 有毒没毒的豆豆（大于 0.5 的有毒）正好用它。偏置也照样学，把它当成一个输入永远是 1 的权重。
# 只要有一条界线能把两种豆豆分开，它就一定在有限次修改之后找到，然后停住，再也不改。

# %%
beans, poison = datasets.beans("binary")
xs, ys = beans.flatten().tolist(), poison.flatten().tolist()

w, b, mistakes = 0.0, 0.0, []
while not mistakes or mistakes[-1]:
    mistakes.append(0)
    for x, y in zip(xs, ys, strict=True):
        e = y - (w * x + b > 0)
        w, b = w + e * x, b + e
        mistakes[-1] += e != 0
boundary = -b / w
print(f"{len(mistakes)} 轮之后不再犯错，一共改了 {sum(mistakes)} 次。每轮犯错：{mistakes}")
safe = max(x for x, y in zip(xs, ys, strict=True) if not y)
poisonous = min(x for x, y in zip(xs, ys, strict=True) if y)
print(f"界线在 {boundary:.4f}；最大的无毒豆豆 {safe:.4f}，最小的有毒豆豆 {poisonous:.4f}")

# %% [markdown]
# 它停在哪里，要看先遇到哪颗豆豆：两种豆豆之间的任何一条界线它都满意，见好就收。下一章的尺子不会这么随便。
#
# ## Three things to try · 试一试
#
# 1. 把一颗豆豆的学习率改成 α = 1/0.16 = 6.25，看一遍就会；改成 13 呢？
# 2. 一百颗豆豆的学习率改成 1，w 会晃得多厉害？为什么第二章要把所有豆豆的意见先平均起来？
# 3. 把一颗有毒的豆豆标成无毒，带门槛的规则还停得下来吗？（给循环加一个上限再试。）
