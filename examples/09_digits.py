# %% [markdown]
# # 9. Matrices and real digits · 矩阵与手写数字
#
# 到上一章为止，每个权重都有自己的名字。层一宽，名字就不够用了：教程二用矩阵一次算完一整层、一整批样本。
# 这一章核对教程二印出的每一个数，再用它的 [64, 128, 10] 网络认真正的手写数字。
#
# 需要在仓库目录里 `pip install '.[plot,digits]'`（手写数字来自 scikit-learn）。

# %%
import matplotlib.pyplot as plt
from tqdm import tqdm

import micrograd_cn as torch
from micrograd_cn import datasets, nn
from micrograd_cn.utils.data import DataLoader, TensorDataset
from micrograd_cn.viz import plots

torch.set_default_dtype(torch.float64)

# %% [markdown]
# ## A neuron is a dot product · 一个神经元是一次点积

# %%
inputs, weights = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.2, 0.8, -0.5])
weighted = (inputs @ weights + 2.0).item()
print(f"z = x · w + b：教程 2.3，我们 {weighted:.15g}")
rectified = torch.relu(torch.tensor([2.3, -1.2])).tolist()
print(f"ReLU(2.3)、ReLU(−1.2)：教程 2.3、0.0，我们 {rectified}")

# %% [markdown]
# ## A layer is a matrix product · 一层是一次矩阵乘法
#
# 两个样本，各三个特征，四个神经元：A 是 (2, 3)，W 是 (3, 4)，B 是 (1, 4)，Z = A·W + B 是 (2, 4)。
# W 的一列是一个神经元。教程的权重是随机的，但它印了出来，放进来就能得到它的 Z。

# %%
A = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
W = torch.tensor(
    [
        [0.08746301, 0.34148947, 0.2321176, 0.49574324],
        [0.69313075, 0.77251665, 0.48220435, 0.38541945],
        [0.48551131, 0.84943177, 0.05167356, 0.03890675],
    ]
)
B = torch.tensor([[0.05122642, 0.2860902, 0.75485931, 0.75830747]])
PRINTED_Z = [[2.98148486, 4.72090828, 2.1064063, 2.14160985], [6.77980008, 10.61122193, 4.40439285, 4.90181816]]
Z = A @ W + B
for ours, printed in zip(Z.tolist(), PRINTED_Z, strict=True):
    print("教程", printed, " 我们", [round(z, 8) for z in ours])

# %% [markdown]
# ## Broadcasting, forward and back · 广播，去和回
#
# B 只有一行，却加到了每一行上，这就是广播。去的时候一个数用了两次，回来的时候两份梯度就要加起来：
# 忘记这一步是手写反向传播最常见的错误（第 12 章会抓住它）。

# %%
products = torch.tensor([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]])
bias = torch.tensor([[0.1, 0.2, 0.3, 0.4]], requires_grad=True)
added = products + bias
added.sum().backward()
tiled = bias.detach().expand(2, 4)
print("广播以后的 B =", tiled.tolist())
print("A·W + B =", added.tolist())
print("和对 B 的导数 =", bias.grad.tolist(), "（两行，所以是 2）")

# %% [markdown]
# ## The mean of the squares · 均方误差
#
# 教程的公式 C = 1/m · ΣΣ (预测 − 答案)² 只除以样本数 m，它的代码 `np.mean` 还除以了输出数 k。
# 它手写的导数 2(预测 − 答案)/m 是公式的导数，不是代码的：差 k 倍，只相当于换了学习率，所以照样能学。

# %%
truth = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
guess = torch.tensor([[0.1, 0.9], [0.8, 0.2]], requires_grad=True)
by_code = nn.functional.mse_loss(guess, truth)
by_formula = ((guess - truth) ** 2).sum() / 2
print(f"代码：教程 0.024999999999999994，我们 {by_code.item()!r}")
(of_code,) = torch.autograd.grad(by_code, guess)
(of_formula,) = torch.autograd.grad(by_formula, guess)
written = 2 * (guess.detach() - truth) / 2
times = (of_formula / of_code)[0, 0].item()
print(f"教程手写的导数是公式的导数：{torch.allclose(of_formula, written)}；它是代码的导数的 {times:.0f} 倍")

# %% [markdown]
# ## Three shares of the blame · 三份责任
#
# 教程把一个权重的责任拆成三份相乘：∂C/∂w = a_prev × relu′(z) × (下一层传回来的)。
# 一个样本、一个神经元，三份责任各是多少，乘起来是不是引擎的答案？

# %%
torch.manual_seed(0)
a_prev = torch.tensor([[0.5, -1.0, 2.0]])
w1, w2 = torch.randn(3, 4, requires_grad=True), torch.randn(4, 2, requires_grad=True)
z = a_prev @ w1
a = torch.relu(z)
a.retain_grad()
loss = ((a @ w2 - torch.tensor([[1.0, 0.0]])) ** 2).sum()
loss.backward()
j = int(z.argmax())  # 一个醒着的神经元
shares = [a_prev[0, 2].item(), float(z[0, j] > 0), a.grad[0, j].item()]
product = shares[0] * shares[1] * shares[2]
print(f"a_prev = {shares[0]:g}，relu′(z) = {shares[1]:g}，传回来的 = {shares[2]:.6f}")
print(f"乘积 {product:.12f}，引擎 {w1.grad[2, j].item():.12f}")

# %% [markdown]
# ## Real digits · 真正的手写数字
#
# 1797 张 8×8 的灰度图，每张 64 个数，十个类别。留出 360 张从不训练，只用来考试。
# 答案写成十个数：是几，第几个就是 1，其余是 0。

# %%
torch.set_default_dtype(torch.float32)
torch.manual_seed(0)
x, digit = datasets.digits()
y = nn.functional.one_hot(digit, 10).float()
order = torch.randperm(len(x))
test, train = order[:360], order[360:]
loader = DataLoader(TensorDataset(x[train], y[train]), batch_size=32, shuffle=True)
print(f"{len(x)} 张图，训练 {len(train)}，考试 {len(test)}；一轮 {len(loader)} 批")


def fit(model, name, epochs=30):
    """Train in mini-batches; the mean loss of each epoch and the accuracy on digits never trained on."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses, accuracies = [], []
    for _ in tqdm(range(epochs), desc=name, leave=False):
        total = 0.0
        for images, answers in loader:
            loss = ((model(images) - answers) ** 2).sum() / len(images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(train))
        with torch.no_grad():
            accuracies.append((model(x[test]).argmax(1) == digit[test]).float().mean().item())
    return losses, accuracies


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
losses, accuracies = fit(model, "[64, 128, 10]")
for epoch in (0, 4, 9, 19, 29):
    print(f"第 {epoch + 1:2} 轮：损失 {losses[epoch]:.4f}，考试 {accuracies[epoch]:.1%}")

# %% [markdown]
# ## As the tutorial wrote it · 照教程的原样
#
# 教程的代码有两处不同：权重从 0.01 × 正态分布开始，偏置是 0；输出层也用了 ReLU。
# 第二处代价很大：某个输出神经元若对每张图都答 0，它的梯度就都是 0，从此再也学不会那个数字。下面照原样再训练一次。

# %%
originals = {}
for seed in (1, 2):
    torch.manual_seed(seed)
    original = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10), nn.ReLU())
    for p in original.parameters():
        nn.init.normal_(p, 0, 0.01) if p.ndim > 1 else nn.init.zeros_(p)
    originals[seed] = fit(original, f"教程的原样，种子 {seed}")
    with torch.no_grad():
        asleep = [n for n in range(10) if (original(x[digit == n])[:, n] == 0).float().mean() > 0.9]
    print(f"种子 {seed}：考试 {originals[seed][1][-1]:.1%}，从不醒来的输出 {asleep}")
print(f"输出层不用 ReLU：{accuracies[-1]:.1%}")

# %% [markdown]
# 种子 1 运气好，种子 2 有两个数字永远答不出来，正确率就少了两成。所以我们的输出层不用 ReLU。

# %%
without = plots.label("输出层不用 ReLU", "no ReLU at the output")
asis = plots.label("照教程的原样，种子", "as the tutorial wrote it, seed")
curves = {without: losses} | {f"{asis} {seed}": curve for seed, (curve, _) in originals.items()}
plots.save(plots.loss_curve(curves), "09_loss.png")

# %% [markdown]
# ## What it sees, and where it errs · 它看见什么，错在哪里
#
# 上面两行是考试的前十六张，下面一行是答错的：标题里先是它的答案，括号里是正确答案。

# %%
with torch.no_grad():
    guesses = model(x[test]).argmax(1)
wrong = [i for i in range(len(test)) if guesses[i] != digit[test[i]]]
shown = [*range(16), *wrong[:8]]
figure, panels = plt.subplots(3, 8, figsize=(8, 3.8), layout="constrained")
for panel in panels.flat:
    panel.axis("off")
for panel, i in zip(panels.flat, shown, strict=False):
    answer, right = guesses[i].item(), digit[test[i]].item()
    panel.imshow(x[test[i]].reshape(8, 8), cmap="gray_r")
    title = panel.set_title(f"{answer}" if answer == right else f"{answer} ({right})")
    if answer != right:
        title.set_color(plots.CLASSES[1])
plots.save(panels[0, 0], "09_digits.png")
print(f"360 张里答错 {len(wrong)} 张")

# %% [markdown]
# ## Three things to try · 试一试
#
# 1. 把损失换成 `nn.CrossEntropyLoss()`（答案直接用 `digit`），几轮能到 97%？
# 2. 批的大小换成 1 和 1437（全部），同样三十轮，各到多少？为什么小批量学得快？
# 3. 把 128 换成 4、8、16，至少要几个隐藏神经元才能超过 90%？
