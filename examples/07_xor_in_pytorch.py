# %% [markdown]
# # 7. XOR in PyTorch's words · 用 PyTorch 的话说异或
#
# 上一章写了九个数、三行公式和一个循环。PyTorch 把它们收进几个名字：`nn.Linear`、`nn.ReLU`、`nn.MSELoss`、`optim.SGD`。
# 教程的脚本在这里只改第一行的 `import`；连第一行也不改的话，用 `micrograd-cn run 脚本.py` 运行。
#
# 需要在仓库目录里 `pip install '.[plot]'`。

# %%
import matplotlib.pyplot as plt
from tqdm import tqdm

import micrograd_cn as torch  # 装了 PyTorch 的话，写 import torch 也一样
from micrograd_cn.viz import plots

nn = torch.nn

x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])


def train(seed, epochs=10_000):
    """The tutorial's training from one seed: the model and the loss of every epoch."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    mse = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in tqdm(range(epochs), desc=f"种子 {seed}", leave=False):
        loss = mse(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


# %% [markdown]
# ## Run it several times · 多运行几次
#
# 教程说有概率失败。固定随机种子，失败也能重现：55 失败，56 成功。

# %%
runs = {seed: train(seed) for seed in range(53, 57)}
for seed, (model, losses) in runs.items():
    answers = [round(a, 3) + 0.0 for a in model(x).flatten().tolist()]
    print(f"种子 {seed}：损失 {losses[0]:.4f} → {losses[-1]:.2g}，四个答案 {answers}")

# %% [markdown]
# `nn.Linear` 的起点取自 (−1/√2, 1/√2)，有正有负，所以失败有好几种，和上一章第二次统计的一样：
# 停在 0.5 的，停在 0 的，只抬起一个角的。图的纵轴是对数刻度：失败的是上面的两条平线，成功的一路斜下去，
# 到 float32 的尽头才停住。

# %%
curves = {plots.label(f"种子 {seed}", f"seed {seed}"): losses for seed, (_, losses) in runs.items()}
ax = plots.loss_curve(curves)
ax.set_yscale("log")
plots.save(ax, "07_losses.png")

# %% [markdown]
# ## Beside the tutorial and PyTorch · 同教程、同 PyTorch 对照
#
# 教程没有给种子，它印的是它那一次的结果。同一个种子在 PyTorch 2.13 里运行，起点逐位相同；
# 每一步的舍入略有不同，一万步之后，近于 0 的答案只剩下头一两位一样，1.0000 还是 1.0000。

# %%
TUTORIAL = ["1.0848e-05", "1.0000", "1.0000", "1.0252e-05"]
PYTORCH = ["1.7235e-05", "1.0000", "1.0000", "6.3686e-06"]  # PyTorch 2.13.0，种子 56
PYTORCH_START = [0.3382418751716614, 0.33276641368865967, 0.32764148712158203]  # 它的前三个损失

model, losses = runs[56]
outputs = [model.forward(point) for point in x]
for point, output, tutorial, pytorch in zip(x.tolist(), outputs, TUTORIAL, PYTORCH, strict=True):
    print(f"{point} 教程 {tutorial:>10}  PyTorch {pytorch:>10}  这里 {output}")
for epoch, (here, there) in enumerate(zip(losses, PYTORCH_START, strict=False)):
    print(f"第 {epoch} 轮的损失：PyTorch {there:.9f}，这里 {here:.9f}")

# %% [markdown]
# ## What the words hide · 名字里面是什么
#
# | 上一章 | PyTorch |
# |---|---|
# | `w1*x1 + w3*x2 + b1` 和 `w2*x1 + w4*x2 + b2` | `nn.Linear(2, 2)`：x @ Wᵀ + b，W 的一行是一个神经元 |
# | 四个样本的平方误差取平均 | `nn.MSELoss()` |
# | `for w in p.values(): w.zero_grad()` | `optimizer.zero_grad()` |
# | `for w in p.values(): w.data -= 0.01 * w.grad` | `optimizer.step()` |
#
# 拆开来验证一遍：

# %%
layer, criterion = model[0], nn.MSELoss()
by_hand = x @ layer.weight.T + layer.bias
print("nn.Linear 就是 x @ Wᵀ + b：", torch.equal(layer(x), by_hand))

loss = criterion(model(x), y)
print("nn.MSELoss 就是平方的平均：", torch.allclose(loss, ((model(x) - y) ** 2).mean()))

copy, _ = train(56, epochs=1)  # 走一步之后的模型，和自己走的一步比较
stepped, _ = train(56, epochs=0)
criterion(stepped(x), y).backward()
with torch.no_grad():
    for p in stepped.parameters():
        p -= 0.01 * p.grad
same_step = all(map(torch.equal, stepped.parameters(), copy.parameters()))
print("step() 就是减去 0.01 × 梯度：", same_step)

# %% [markdown]
# ## From the tutorial's start · 从教程的起点出发
#
# 模型的参数可以用 `load_state_dict` 整个换掉。放进上一章的起点，用 float64 训练，走到的还是教程印出的九个数。

# %%
START = {
    "0.weight": [[0.9550195641305104, 0.3724530186688523], [0.14966699439564202, 0.2918470706407119]],
    "0.bias": [0.6885635070835702, 0.007327282692478065],
    "2.weight": [[0.9307877788007731, 0.15420500041785823]],
    "2.bias": [0.6720023468053917],
}  # fmt: skip
PRINTED = {
    "0.weight": [[0.9411855394820262, 0.9411855383955807], [1.081520036084144, 1.0815200346093992]],
    "0.bias": [0.10083647508443963, -1.0815200439276933],
    "2.weight": [[1.0624827954556706, -1.8492392682881917]],
    "2.bias": [-0.10713294170194569],
}  # fmt: skip

again = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU()).double()
again.load_state_dict({name: torch.tensor(data, dtype=torch.float64) for name, data in START.items()})
optimizer = torch.optim.SGD(again.parameters(), lr=0.01)
for _ in tqdm(range(10_000), desc="教程的起点", leave=False):
    loss = criterion(again(x.double()), y.double())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
for name, p in again.named_parameters():
    print(f"{name:9} 教程 {PRINTED[name]}\n{'':9} 这里 {p.tolist()}")

# %% [markdown]
# ## The plane and its border · 曲面和分界线
#
# 种子 56 学会的网络：0.5 的等高线是两条平行的直线，两个 1 落在中间的带里，两个 0 各在带外的一边。

# %%
figure = plt.figure(figsize=(10, 4.5), layout="constrained")
plots.decision(model, x, y, ax=figure.add_subplot(1, 2, 1))
plots.surface(model, x, y, ax=figure.add_subplot(1, 2, 2, projection="3d"))
plots.save(figure.axes[0], "07_decision.png")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 把 `SGD` 换成 `torch.optim.Adam`，一万轮够不够减到两千轮？停在 0.5 的种子 55 救得回来吗？
# 2. 把中间的 `nn.ReLU()` 换成 `nn.Tanh()`，最后一个换成 `nn.Sigmoid()`，十个种子里有几个成功？
# 3. 把这个文件第一处 `import micrograd_cn as torch` 改成 `import torch`（需要装 PyTorch），数字变了多少？
