"""A variational autoencoder of small pictures, in the idioms of before 2018: Variable, size_average."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.autograd import Variable
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(6)
torch.manual_seed(6)
side = 6
pictures = np.zeros((60, 1, side, side), dtype="float32")
for i in range(60):
    pictures[i, 0, i % side] = 1.0  # a bar
    pictures[i, 0, :, (i // side) % side] = 0.5 + 0.5 * (i % 2)
labels = np.arange(60) % side
train_loader = DataLoader(
    TensorDataset(torch.from_numpy(pictures), torch.from_numpy(labels)), batch_size=20
)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(side * side, 24)
        self.fc21 = nn.Linear(24, 3)
        self.fc22 = nn.Linear(24, 3)
        self.fc3 = nn.Linear(3, 24)
        self.fc4 = nn.Linear(24, side * side)
        self.relu = nn.ReLU()
        self.sigmoid = nn.Sigmoid()

    def encode(self, x):
        h1 = self.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        std = logvar.mul(0.5).exp_()
        noise = torch.from_numpy(np.random.randn(*std.size()).astype("float32"))
        eps = Variable(std.data.new(std.size()).copy_(noise))
        return eps.mul(std).add_(mu)

    def decode(self, z):
        h3 = self.relu(self.fc3(z))
        return self.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, side * side))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE()
for p in model.parameters():
    p.data = torch.from_numpy(np.random.uniform(-0.3, 0.3, tuple(p.size())).astype("float32"))
optimizer = optim.Adam(model.parameters(), lr=1e-2)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, side * side), size_average=False)
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        data = Variable(data)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.data.item()
        optimizer.step()
        if batch_idx == 0:
            print("Train Epoch: {} Loss: {:.6f}".format(epoch, loss.data.item() / len(data)))
    print("====> Average loss: {:.4f}".format(train_loss / len(train_loader.dataset)))


for epoch in range(1, 6):
    train(epoch)
model.eval()
with torch.no_grad():
    recon, mu, logvar = model(torch.from_numpy(pictures[:4]))
    print(recon.view(4, 1, side, side)[0, 0, :2])
    print(mu.size(), float(loss_function(recon, torch.from_numpy(pictures[:4]), mu, logvar)))
    sample = model.decode(Variable(torch.from_numpy(np.random.randn(2, 3).astype("float32"))))
    print(sample.dtype, sample.shape, (sample > 0.5).sum().item())
