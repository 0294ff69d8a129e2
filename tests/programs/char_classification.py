"""Which language is a word from? An RNN written as two Linear layers, letter by letter."""

import random
import string

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Variable

random.seed(5)
all_letters = string.ascii_lowercase
n_letters = len(all_letters)
category_lines = {
    "German": "strasse zwischen schluss kirche wasser herbst".split(),
    "Italian": "strada piazza ragazzo chiesa acqua autunno".split(),
    "Finnish": "katu talo joki kirkko syksy yliopisto".split(),
}
all_categories = list(category_lines)
n_categories = len(all_categories)


def letter_to_index(letter):
    return all_letters.find(letter)


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][letter_to_index(letter)] = 1
    return tensor


print(line_to_tensor("talo").size(), line_to_tensor("talo").sum())


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(input_size + hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = torch.tanh(self.i2h(combined))
        output = self.i2o(combined)
        output = self.softmax(output)
        return output, hidden

    def init_hidden(self):
        return Variable(torch.zeros(1, self.hidden_size))


n_hidden = 32
rnn = RNN(n_letters, n_hidden, n_categories)
numbers = np.random.RandomState(0)
for p in rnn.parameters():
    p.data.copy_(torch.Tensor(numbers.uniform(-0.15, 0.15, p.size())))


def category_from_output(output):
    top_n, top_i = output.data.topk(1)
    category_i = top_i[0][0]
    return all_categories[category_i], category_i


def random_training_pair():
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    category_tensor = Variable(torch.LongTensor([all_categories.index(category)]))
    return category, line, category_tensor, Variable(line_to_tensor(line))


criterion = nn.NLLLoss()
learning_rate = 0.05


def train(category_tensor, line_tensor):
    hidden = rnn.init_hidden()
    rnn.zero_grad()
    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)
    loss = criterion(output, category_tensor)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item()


current_loss = 0
all_losses = []
for step in range(1, 301):
    category, line, category_tensor, line_tensor = random_training_pair()
    output, loss = train(category_tensor, line_tensor)
    current_loss += loss
    if step in (1, 2, 3) or step % 100 == 0:
        guess, guess_i = category_from_output(output)
        correct = "yes" if guess == category else "no (%s)" % category
        print("%d %.6f %s / %s %s" % (step, loss, line, guess, correct))
    if step % 60 == 0:
        all_losses.append(current_loss / 60)
        current_loss = 0
print([round(loss, 3) for loss in all_losses])

confusion = torch.zeros(n_categories, n_categories)
for i, category in enumerate(all_categories):
    for line in category_lines[category]:
        hidden = rnn.init_hidden()
        for letter in line_to_tensor(line):
            output, hidden = rnn(letter, hidden)
        confusion[i][category_from_output(output)[1]] += 1
for i in range(n_categories):
    confusion[i] = confusion[i] / confusion[i].sum()
print(confusion.numpy().round(3).tolist())
