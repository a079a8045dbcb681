"""REINFORCE: a policy learns to walk to the right end of a line of seven fields."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(543)
FIELDS, GAMMA = 7, 0.95


class Walk:
    """Start in the middle; 1 for the right end, -1 for the left, a little less for each step."""

    def reset(self):
        self.at, self.steps = FIELDS // 2, 0
        return self.state()

    def state(self):
        state = np.zeros(FIELDS, dtype=np.float32)
        state[self.at] = 1
        return state

    def step(self, action):
        self.at += 1 if action == 1 else -1
        self.steps += 1
        done = self.at in (0, FIELDS - 1) or self.steps >= 20
        reward = {0: -1.0, FIELDS - 1: 1.0}.get(self.at, -0.05)
        return self.state(), reward, done


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(FIELDS, 16)
        self.dropout = nn.Dropout(p=0.1)
        self.affine2 = nn.Linear(16, 2)
        self.saved, self.rewards = [], []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.dropout(self.affine1(x)))), dim=1)


policy, walk = Policy(), Walk()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
eps = np.finfo(np.float32).eps.item()
running = 0.0
for episode in range(60):
    state, done = walk.reset(), False
    while not done:
        probs = policy(torch.from_numpy(state).float().unsqueeze(0))
        action = torch.multinomial(probs, 1)
        policy.saved.append(torch.log(probs.gather(1, action)).squeeze())
        state, reward, done = walk.step(action.item())
        policy.rewards.append(reward)
    R, returns = 0.0, []
    for r in policy.rewards[::-1]:
        R = r + GAMMA * R
        returns.insert(0, R)
    running = 0.05 * sum(policy.rewards) + 0.95 * running
    returns = torch.tensor(returns)
    if len(returns) > 1:
        returns = (returns - returns.mean()) / (returns.std() + eps)
    loss = torch.stack([-log * R for log, R in zip(policy.saved, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 15 == 14:
        print(f"episode {episode}: steps {walk.steps}, reward {sum(policy.rewards):.2f}, running {running:.4f}")
    del policy.rewards[:], policy.saved[:]
print(policy.eval()(torch.eye(FIELDS)).detach())
