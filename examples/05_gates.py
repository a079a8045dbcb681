# %% [markdown]
# # 5. Gates · 门电路：一个神经元能做什么，不能做什么
#
# 与门、或门、非门，一个神经元就够。异或门只比它们多拐一个弯，一个神经元却无论如何也学不会。
# 这一章先用手挑权重，再让它自己学，然后把失败看清楚：不是训练得不够，是根本没有那样的权重。
# 下一章加上两个隐藏神经元，一切迎刃而解。
#
# 需要在仓库目录里 `pip install '.[plot]'`（图用 matplotlib 画）。

# %% [markdown]
# ## Weights by hand · 手挑权重
#
# 1943 年的神经元只会“够不够”：加权和大于 0 就输出 1，否则输出 0。三个门各要三个数。

# %%
import itertools

import matplotlib.pyplot as plt

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, optim
from micrograd_cn.viz import plots

CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def fires(w1, w2, b):
    """What a threshold neuron with these weights answers at the four corners."""
    return tuple(int(w1 * x1 + w2 * x2 + b > 0) for x1, x2 in CORNERS)


by_hand = {"AND": fires(1, 1, -1.5), "OR": fires(1, 1, -0.5), "NAND": fires(-1, -1, 1.5)}
print("x1 x2   与 AND   或 OR   与非 NAND")
for i, (x1, x2) in enumerate(CORNERS):
    print(f"{x1:2} {x2:2} {by_hand['AND'][i]:7} {by_hand['OR'][i]:8} {by_hand['NAND'][i]:9}")
not_gate = [int(-x + 0.5 > 0) for x in (0, 1)]
print(f"非 NOT：0 → {not_gate[0]}，1 → {not_gate[1]}")

# %% [markdown]
# ## Learning a gate · 让它自己学
#
# 同样的门，换成逻辑斯谛神经元，从随机的权重出发，用平方误差和梯度下降来学。三个门都学得会，分界线是一条直线。


# %%
def train(model, x, y, rate, steps):
    """Gradient descent on the mean squared error; the last error."""
    optimizer, criterion = optim.SGD(model.parameters(), lr=rate), nn.MSELoss()
    for _ in range(steps):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return criterion(model(x), y).item()


torch.manual_seed(0)
learnt, gates = {}, {}
for name in ("and", "or", "nand", "xor"):
    x, y = datasets.gates(name)
    gates[name] = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    loss = train(gates[name], x, y, rate=5.0, steps=1000)
    answers = gates[name](x).flatten().tolist()
    learnt[name] = loss, [a > 0.5 for a in answers] == [t > 0.5 for t in y.flatten().tolist()]
    print(f"{name:5} 误差 {loss:.4f}   输出 " + " ".join(f"{a:.2f}" for a in answers))

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for ax, (name, model) in zip(axes, gates.items(), strict=True):
    plots.decision(model, *datasets.gates(name), ax=ax).set_title(name.upper())
plots.save(figure, "05_gates.png")

# %% [markdown]
# 三个门的误差都接近 0，异或的误差停在 0.25，四个输出都是 0.5：它放弃了，谁也不得罪。
#
# ## The folded plane · 折起来的平面
#
# 教程 000 用的神经元是 ReLU(w₁x₁ + w₂x₂ + b)：一张平面，低于 0 的部分折平。与门有一个分毫不差的解 ReLU(x₁ + x₂ − 1)，
# 异或却怎么折都不对：折痕是一条直线，一折只能折出一个斜坡，折不出两头低中间高的屋脊。

# %%
x, and_y = datasets.gates("and")
_, xor_y = datasets.gates("xor")


def relu_neuron(w1, w2, b):
    neuron = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
    neuron.load_state_dict({"0.weight": torch.tensor([[w1, w2]]), "0.bias": torch.tensor([b])})
    return neuron


and_relu, xor_relu = relu_neuron(0.6, 0.5, 0.1), relu_neuron(0.6, 0.5, 0.1)
folded = {"AND": train(and_relu, x, and_y, 0.2, 2000), "XOR": train(xor_relu, x, xor_y, 0.2, 2000)}
flat = xor_relu(x).flatten().tolist()
print(f"与门：误差 {folded['AND']:.6f}    异或：误差 {folded['XOR']:.6f}，输出 " + " ".join(f"{a:.3f}" for a in flat))
print("                       教程        我们")
print(f"异或停在的平面 y =     0.5       {flat[0]:.4f}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), subplot_kw={"projection": "3d"}, layout="constrained")
plots.surface(and_relu, x, and_y, ax=axes[0]).set_title("AND")
plots.surface(xor_relu, x, xor_y, ax=axes[1]).set_title("XOR")
plots.save(figure, "05_and_xor_surfaces.png")

# %% [markdown]
# ## Not bad luck · 不是运气不好
#
# 会不会只是出发点不好？从二十个随机的出发点各学一遍，有 ReLU 的，也有 S 形的。没有一次低于 0.25。

# %%
torch.manual_seed(1)
tries = []
for activation in (nn.ReLU, nn.Sigmoid):
    for _ in range(10):
        neuron = nn.Sequential(nn.Linear(2, 1), activation())
        tries.append(train(neuron, x, xor_y, 0.2, 500))
print(f"二十次里最小的误差：{min(tries):.6f}")

# %% [markdown]
# 道理只要两行。设 z = w₁x₁ + w₂x₂ + b，四个角上的 z 满足 z(0,0) + z(1,1) = z(0,1) + z(1,0)，两边都是 w₁ + w₂ + 2b。
# 异或要求左边的两个都在界线之下，右边的两个都在界线之上，那么左边的和小于右边的和，矛盾。
#
# 两个输入的门一共有 2⁴ = 16 个。把 w 取遍 −1、0、1，b 取遍 ±0.5、±1.5，数一数一个神经元能做几个。

# %%
possible = {fires(w1, w2, b) for w1, w2 in itertools.product((-1, 0, 1), repeat=2) for b in (-1.5, -0.5, 0.5, 1.5)}
missing = sorted(set(itertools.product((0, 1), repeat=4)) - possible)
print(f"做得到 {len(possible)} 个，做不到的是 {missing}：同或与异或。")

# %% [markdown]
# 明斯基和帕波特在《感知器》里写的就是这件事（书出版于 1969 年，教程里印的是 1961）。此后神经网络冷了十几年，
# 直到 1986 年反向传播让多层网络学了起来，离 1958 年的感知器有 28 年（教程说 27 年）。
#
# ## Three shortcuts · 三条近路
#
# 教程 000 想过三条近路，都来算一算。
#
# **一、把激活函数换成 z²。** 取 w = (1, −1)、b = 0，(x₁ − x₂)² 在四个角上正好是异或。
# 它能行，因为它先降后升，不是单调的；代价是：z 变大十倍，输出变大一百倍，梯度也跟着变大十倍，层数一多就压不住。
#
# **二、把输入平方，或者立方。** 没有用：输入只有 0 和 1，平方、立方以后还是 0 和 1，问题一点没变。
#
# **三、加一个隐藏神经元，只加一个。** 也没有用：它传下去的还是一个数，
# 单调函数套单调函数还是单调的，分界线还是一条直线。它最多把误差压到 1/6 附近：把 (0, 0) 这样的一个角答对，
# 其余三个角一律答 2/3，可是其中两个该是 1，一个该是 0，总有一个角是错的。

# %%
squared = [((Value(float(x1)) - x2) ** 2).data for x1, x2 in CORNERS]
print("(x1 − x2)² 在四个角上：", *squared)
print("输入平方、立方以后还是它自己：", torch.equal(x**2, x), torch.equal(x**3, x))

torch.manual_seed(2)
one_hidden = []
for _ in range(10):
    narrow = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid(), nn.Linear(1, 1), nn.Sigmoid())
    one_hidden.append(train(narrow, x, xor_y, 5.0, 500))
print(f"只有一个隐藏神经元，十次里最小的误差：{min(one_hidden):.4f}（到不了 1/6 = {1 / 6:.4f} 以下）")

# %% [markdown]
# 两个隐藏神经元就够了：下一章从教程的九个数出发，把异或做出来。
#
# ## Three things to try · 试一试
#
# 1. 用与非门和或门、与门搭出异或：`AND(OR(x1, x2), NAND(x1, x2))`。这是几层、几个神经元？
# 2. 三个输入的门有 256 个，一个神经元能做几个？把上面的数法改成三个输入（b 要多取几个值；答案是 104）。
# 3. 让 (w·x + b)² 的神经元从随机的权重学异或，学习率取 0.1，再取 1，看看“压不住”是什么样子。
