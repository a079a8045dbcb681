# %% [markdown]
# # 12. Prove your own gradient · 检验你自己写的导数
#
# 手算的导数最容易错在哪里？少一个系数、错一个符号、忘了把广播的维度加回来。错的导数不会报错：
# 网络照样训练，只是学得慢一点，或者永远差一点。
# 这一章用一行代码把“我觉得对”变成“检验过”，再故意写错几次，看报告怎么说。
#
# 需要在仓库目录里 `pip install '.[test]'`（随机例子由 hypothesis 产生）。

# %% [markdown]
# ## Ten lines: an op of your own · 十行：自己的运算
#
# Swish（也叫 SiLU）是 x·σ(x)。乘积法则给出它的导数：σ(x) + x·σ(x)·(1 − σ(x))。
# 写一个 `Function`：`forward` 算函数，`backward` 把上游的梯度乘上导数，然后用一行检验它。

# %%
import micrograd_cn as torch
from micrograd_cn.testing import check_gradients, check_module, tensors


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s + x * s * (1 - s))


report = check_gradients(Swish.apply)
print(report)

# %% [markdown]
# 没有异常，就是检验通过了：二十个随机的张量，形状各异，在内存里的排列也各异（转置的、隔一个取一个的、倒着放的……），
# 一阶和二阶导数都与数值差分相符。`backward` 是用张量的运算写的，所以它自己也能求导，二阶导数不用另写。

# %% [markdown]
# ## A wrong gradient, and its report · 写错一次，读报告
#
# 把乘积法则记成“只对后一个因子求导”，忘掉前一项 σ(x)。


# %%
class ForgetfulSwish(Swish):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (x * s * (1 - s))


def the_report(check, *args, **options):
    """Run a check that must fail, and print what it says."""
    try:
        check(*args, **options)
    except (AssertionError, RuntimeError) as error:
        print(error, end="\n\n")
        return str(error)
    raise SystemExit("the check should have failed")


forgetful = the_report(check_gradients, ForgetfulSwish.apply)

# %% [markdown]
# 报告的第一句说是谁的、对哪个输入的导数错了，像是哪一种错。这里少了一整项，不像任何常见的错，它就老实说不认得。
# 然后是出错的元素、数值差分给出的数、`backward` 给出的数、两者之比。
# 最后是还会出错的最小的输入，复制出来就能重现：x = 0 时正确的导数是 σ(0) = 0.5，我们给的是 0。

# %% [markdown]
# ## What it recognises · 它认得的错误
#
# 常见的错误各有各的样子，报告会直接叫出名字：差一个系数、差一个符号、广播的维度没有加起来。


# %%
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x**2  # 应当是 3


class Minus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        return a - b

    @staticmethod
    def backward(ctx, g):
        return g, g  # 第二个应当是 -g


class AddBias(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bias):
        return x + bias

    @staticmethod
    def backward(ctx, g):
        return g, g[0]  # 偏置用在每一行上，应当是 g.sum(0)


factor = the_report(check_gradients, Cube.apply)
sign = the_report(check_gradients, Minus.apply, tensors((3,)), tensors((3,)))
unsummed = the_report(check_gradients, AddBias.apply, tensors((4, 3)), tensors((3,)))

# %% [markdown]
# ## Right first, wrong second · 一阶对，二阶错
#
# 有的错误训练时看不出来：`backward` 把保存下来的数用 NumPy 算了一遍，数值没错，但它与输入的联系断了，二阶导数就少一项。
# 求 Hessian、做梯度惩罚（WGAN-GP）的人会在这里吃亏。


# %%
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (2 * x.detach())


print(check_gradients(Square.apply, order=1))
second = the_report(check_gradients, Square.apply)

# %% [markdown]
# ## Kinks are not errors · 折点不是错误
#
# ReLU 在 0 处没有导数，max 在并列时也没有。左右两边的差分不一样，检查就知道这里是折点，数一数，放过它；
# 折点旁边的错误仍然逃不掉。

# %%
kinks = check_gradients(torch.relu)
print(kinks)

# %% [markdown]
# ## A whole layer · 一整层
#
# 层比函数多一些承诺：每个参数都有梯度，`state_dict` 存了又读还是同一个函数，同一个种子给出同样的输出，
# 一个样本的输出不受同批其他样本影响（`batch_dim=0`）。`check_module` 一次检验这些。


# %%
class Scaled(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.linear = torch.nn.Linear(features, 2)
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        return torch.tanh(self.linear(x)) * self.scale


check_module(lambda: Scaled(3), tensors((4, 3)), batch_dim=0)
print("Scaled: 检验通过")


class Centred(Scaled):
    def forward(self, x):
        return super().forward(x - x.mean(0))  # 减去的是同批样本的平均


mixing = the_report(check_module, lambda: Centred(3), tensors((4, 3)), batch_dim=0)

# %% [markdown]
# ## In your tests · 写进你的测试
#
# 测试文件里一行就够：
#
# ```python
# def test_swish():
#     check_gradients(Swish.apply)
# ```
#
# `pytest` 每次随机取 20 个例子；发布之前用 `pytest --micrograd-budget=thorough`（200 个）或 `exhaustive`（2000 个）。
#
# ## Three things to try · 试一试
#
# 1. 自己写 `Softplus`：log(1 + eˣ)，导数是 σ(x)。把 σ(x) 写成 1 − σ(x)，报告会说什么？
# 2. 检查 `torch.floor`：它的导数处处是 0，跳变的地方检查怎么数？再检查 `lambda x: x.detach() * 2`。
# 3. 给 `Scaled` 加一个 `torch.nn.Dropout`，`check_module` 还能通过吗？
#    把它换成用 `random.random()` 决定的丢弃呢？
