"""A name of a kind: an RNN that reads the category with every letter, and predicts the next."""

import random
import string

import numpy as np
import torch
import torch.nn as nn

random.seed(8)
all_letters = string.ascii_lowercase
n_letters = len(all_letters) + 1  # one for the end
category_lines = {
    "river": "rhine elbe oder main neckar weser isar".split(),
    "tree": "oak ash elm birch maple linden alder".split(),
    "metal": "iron zinc copper tin nickel lead silver".split(),
}
all_categories = list(category_lines)
n_categories = len(all_categories)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(n_categories + input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(n_categories + input_size + hidden_size, output_size)
        self.o2o = nn.Linear(hidden_size + output_size, output_size)
        self.dropout = nn.Dropout(0.0)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, category, input, hidden):
        input_combined = torch.cat((category, input, hidden), 1)
        hidden = self.i2h(input_combined)
        output = self.i2o(input_combined)
        output_combined = torch.cat((hidden, output), 1)
        output = self.o2o(output_combined)
        output = self.dropout(output)
        output = self.softmax(output)
        return output, hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


def category_tensor(category):
    tensor = torch.zeros(1, n_categories)
    tensor[0][all_categories.index(category)] = 1
    return tensor


def input_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li in range(len(line)):
        tensor[li][0][all_letters.find(line[li])] = 1
    return tensor


def target_tensor(line):
    letter_indexes = [all_letters.find(line[li]) for li in range(1, len(line))]
    letter_indexes.append(n_letters - 1)  # EOS
    return torch.LongTensor(letter_indexes)


rnn = RNN(n_letters, 32, n_letters)
numbers = np.random.RandomState(21)
for name, p in rnn.named_parameters():
    p.data.copy_(torch.from_numpy(numbers.uniform(-0.12, 0.12, p.shape)))
print(rnn)
criterion = nn.NLLLoss()
learning_rate = 0.01


def train(category, input_line_tensor, target_line_tensor):
    target_line_tensor.unsqueeze_(-1)
    hidden = rnn.initHidden()
    rnn.zero_grad()
    loss = torch.Tensor([0])
    for i in range(input_line_tensor.size(0)):
        output, hidden = rnn(category, input_line_tensor[i], hidden)
        loss += criterion(output, target_line_tensor[i])
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item() / input_line_tensor.size(0)


total_loss = 0
for step in range(1, 201):
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    output, loss = train(category_tensor(category), input_tensor(line), target_tensor(line))
    total_loss += loss
    if step in (1, 2) or step % 50 == 0:
        print("(%d %d%%) %.6f" % (step, step / 200 * 100, loss), output.size())
print("mean %.5f" % (total_loss / 200))


def sample(category, start_letter, max_length=10):
    with torch.no_grad():
        category = category_tensor(category)
        input = input_tensor(start_letter)
        hidden = rnn.initHidden()
        output_name = start_letter
        for i in range(max_length):
            output, hidden = rnn(category, input[0], hidden)
            topv, topi = output.topk(1)
            topi = topi[0][0]
            if topi == n_letters - 1:
                break
            letter = all_letters[topi]
            output_name += letter
            input = input_tensor(letter)
        return output_name


for category in all_categories:
    print(category, [sample(category, letter) for letter in "aein"])
