"""Text letter by letter: a GRU that is called once for each letter."""

import random

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Variable

random.seed(3)
text = (
    "a cell reads one letter and keeps a state. the state is all that it knows of the past. "
    "the next letter is drawn from what it says, and then it reads that letter. "
) * 3
all_characters = sorted(set(text))
n_characters = len(all_characters)
chunk_len = 24
use_cuda = torch.cuda.is_available()


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, n_layers=1):
        super(CharRNN, self).__init__()
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.encoder = nn.Embedding(input_size, hidden_size)
        self.rnn = nn.GRU(hidden_size, hidden_size, n_layers)
        self.decoder = nn.Linear(hidden_size, output_size)

    def forward(self, input, hidden):
        batch_size = input.size(0)
        encoded = self.encoder(input)
        output, hidden = self.rnn(encoded.view(1, batch_size, -1), hidden)
        output = self.decoder(output.view(batch_size, -1))
        return output, hidden

    def init_hidden(self, batch_size):
        return Variable(torch.zeros(self.n_layers, batch_size, self.hidden_size))


def char_tensor(string):
    tensor = torch.zeros(len(string)).long()
    for c in range(len(string)):
        tensor[c] = all_characters.index(string[c])
    return tensor


def random_training_set(batch_size):
    inp = torch.LongTensor(batch_size, chunk_len)
    target = torch.LongTensor(batch_size, chunk_len)
    for bi in range(batch_size):
        start_index = random.randint(0, len(text) - chunk_len - 1)
        chunk = text[start_index : start_index + chunk_len + 1]
        inp[bi] = char_tensor(chunk[:-1])
        target[bi] = char_tensor(chunk[1:])
    return Variable(inp), Variable(target)


def train(inp, target):
    hidden = decoder.init_hidden(inp.size(0))
    decoder.zero_grad()
    loss = 0
    for c in range(chunk_len):
        output, hidden = decoder(inp[:, c], hidden)
        loss += criterion(output.view(inp.size(0), -1), target[:, c])
    loss.backward()
    decoder_optimizer.step()
    return loss.data.item() / chunk_len


def draw(weights):
    """A place by its weight, from Python's random numbers."""
    left = random.random() * weights.sum().item()
    for i, weight in enumerate(weights.tolist()):
        left -= weight
        if left < 0:
            return i
    return len(weights) - 1


def generate(prime_str="a", predict_len=60, temperature=0.8):
    hidden = decoder.init_hidden(1)
    prime_input = Variable(char_tensor(prime_str).unsqueeze(0))
    predicted = prime_str
    for p in range(len(prime_str) - 1):
        _, hidden = decoder(prime_input[:, p], hidden)
    inp = prime_input[:, -1]
    for p in range(predict_len):
        output, hidden = decoder(inp, hidden)
        output_dist = output.data.view(-1).div(temperature).exp()
        predicted_char = all_characters[draw(output_dist)]
        predicted += predicted_char
        inp = Variable(char_tensor(predicted_char))
    return predicted


decoder = CharRNN(n_characters, 32, n_characters, n_layers=1)
numbers = np.random.RandomState(4)
for name, p in decoder.named_parameters():
    p.data = torch.from_numpy(numbers.randn(*p.shape) * 0.2).float()
    print(name, p.size())
decoder_optimizer = torch.optim.Adam(decoder.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 41):
    loss = train(*random_training_set(8))
    if epoch <= 3 or epoch % 10 == 0:
        print("[%d %.5f]" % (epoch, loss))
print(generate("the ", 60))
