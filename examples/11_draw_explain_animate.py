# %% [markdown]
# # 11. Draw, explain, animate · 画出来，说明白，动起来
#
# 前面各章都在算。这一章不算新东西，只看：同一张计算图，可以画成图，可以写成推导，可以一步一步放给人看。
# 图里的每一个数都是你自己的数，换一个输入，图就换一张。
#
# 画图不需要安装别的程序；保存的 `.svg` 和 `.html` 用浏览器打开。

# %%
import time

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, viz
from micrograd_cn.viz import plots

# %% [markdown]
# ## One neuron · 一个神经元
#
# 教程二的神经元：1·0.2 + 2·0.8 + 3·(−0.5) + 2 = 2.3，再过 ReLU。
# 方框是数，圆圈是运算。`show` 里加上 `local` 和 `flow`，每条线上就写出局部导数 ∂ 和流回来的梯度 ←。

# %%
xs = [Value(number, f"x{i}") for i, number in enumerate((1.0, 2.0, 3.0), 1)]
ws = [Value(number, f"w{i}") for i, number in enumerate((0.2, 0.8, -0.5), 1)]
b = Value(2.0, "b")
a = sum((w * x for w, x in zip(ws, xs, strict=True)), b).relu()
a.label = "a"
neuron = viz.draw(a, show="data local flow op", rankdir="TB")
plots.save(neuron, "11_neuron.svg")

# %% [markdown]
# 图里的每一条线，`explain` 用一行写出来。

# %%
explanation = viz.explain(a, ws[2])
print(explanation)

# %% [markdown]
# ## One network, three distances · 一个网络，远近三张
#
# 第 6 章的网络，教程的起点（取四位小数），只算样本 (0, 1)。
# 走近看，每个数是一个框；退一步，每个张量是一个框；再退一步，每一层是一个框。

# %%
model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
numbers = {
    "0.weight": [[0.9550, 0.3725], [0.1497, 0.2918]],
    "0.bias": [0.6886, 0.0073],
    "2.weight": [[0.9308, 0.1542]],
    "2.bias": [0.6720],
}
model.load_state_dict({name: torch.tensor(data) for name, data in numbers.items()})
x, y = datasets.gates("xor")
point, answer = x[1:2], y[1:2]
with viz.watch(model) as names:
    loss = nn.functional.mse_loss(model(point), answer)
names.names |= {"x": point, "答案": answer, "L": loss}
drawn = {
    "scalar": viz.draw(loss, params=names, detail="scalar", show="data op"),
    "tensor": viz.draw(loss, params=names, detail="tensor", show="data shape op"),
    "module": viz.draw(loss, params=names, detail="module", show="shape op", depth=1),
}
plots.save(drawn["scalar"], "11_scalar.svg")

# %%
plots.save(drawn["tensor"], "11_tensor.svg")

# %%
plots.save(drawn["module"], "11_module.svg")

# %% [markdown]
# 教程画神经网络不画运算，只画神经元和连线。`draw_network` 画的就是那种图：线越粗权重越大，
# 橙色实线是正的，蓝色虚线是负的，给一个输入，圈里就写出它的激活值。

# %%
plots.save(viz.draw_network(model, x[1]), "11_network.svg")

# %% [markdown]
# ## The chain rule in words · 把链式法则说出来
#
# 第一层的一个权重到损失有几条路？`explain` 一条一条写出来。张量的导数是矩阵，所以先挑一个元素（`index`），
# 再看看同一件事的 LaTeX，可以直接贴进文章。

# %%
single = viz.explain(loss, model[0].weight, params=names, index=(0, 1))
print(single)
whole = viz.explain(loss, model[0].weight, params=names, lang="en")
print(whole)
print(single.latex)

# %% [markdown]
# ## The gradient has a graph, too · 梯度也有图
#
# y = x³ 的导数 3x² 也是算出来的，所以它也有一张图，还可以再求导：6x。

# %%
v = Value(2.0, "x")
(slope,) = torch.autograd.grad(v**3, v, create_graph=True)
(bend,) = torch.autograd.grad(slope, v)
print(f"x = 2：x³ 的导数 {slope.data:g}（3x² = 12），二阶导数 {bend.data:g}（6x = 12）")
plots.save(viz.draw_backward(v**3), "11_backward.svg")

# %% [markdown]
# ## Step by step · 一步一步
#
# `animate` 写出一个网页，先向前走，再往回走，每步一个运算：变的是哪个数，用的是哪条规则。
# 按方向键、空格，或者在手机上点按、滑动。不需要网络。

# %%
a = sum((w * x for w, x in zip(ws, xs, strict=True)), b).relu()
a.label = "a"
plots.save(viz.animate(a), "11_neuron.html")

# %% [markdown]
# ## Ten thousand nodes · 一万个节点
#
# 三个运算的一步重复三千次，图会把相同的部分折成一个节点，写上重复的次数。

# %%
state = start = Value(0.5, "x0")
w, c = Value(0.9, "w"), Value(0.1, "b")
for _ in range(3000):
    state = (w * state + c).tanh()
state.label = "x3000"
began = time.perf_counter()
folded = viz.draw(state, show="op")
print(f"约一万八千个节点，画成 {folded.source.count('->')} 条线，用了 {time.perf_counter() - began:.1f} 秒")
plots.save(folded, "11_folded.svg")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. `viz.draw(loss, params=names, detail="scalar", show="data local flow op")`：哪几条线上流回来的是 0？为什么？
# 2. 对第 8 章的 Alice 画 `viz.animate`，在回程里找到 −0.952、0.249 和 −0.0904。
# 3. `viz.draw(nn.TransformerEncoderLayer(8, 2), torch.rand(1, 3, 8), depth=1)`：认得出注意力在哪里吗？
