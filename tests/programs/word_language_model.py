"""A word language model: two layers of LSTM, truncated BPTT with the state carried on, plain SGD
whose rate falls when the validation loss does not."""

import argparse
import math
import random

import numpy as np
import torch
import torch.nn as nn

parser = argparse.ArgumentParser(description="LSTM language model on a toy grammar")
parser.add_argument("--emsize", type=int, default=24)
parser.add_argument("--nhid", type=int, default=32)
parser.add_argument("--nlayers", type=int, default=2)
parser.add_argument("--lr", type=float, default=5.0)
parser.add_argument("--clip", type=float, default=0.25)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--bptt", type=int, default=12)
parser.add_argument("--log-interval", type=int, default=5)
args = parser.parse_args()

random.seed(1111)
torch.manual_seed(1111)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Corpus(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []
        self.train = self.tokenize(300)
        self.valid = self.tokenize(60)

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def tokenize(self, sentences):
        ids = []
        for _ in range(sentences):
            noun, other = random.sample(["cat", "dog", "bird", "fish"], 2)
            verb = random.choice(["sees", "hears", "likes"])
            words = ["the", noun, verb, "the", random.choice(["big", "small"]), other, "<eos>"]
            ids += [self.add_word(word) for word in words]
        return torch.tensor(ids).type(torch.int64)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous().to(device)


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(0.0)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=0)
        self.decoder = nn.Linear(nhid, ntoken)
        self.nhid = nhid
        self.nlayers = nlayers
        self.init_weights(np.random.RandomState(0))

    def init_weights(self, numbers):
        for p in self.parameters():
            p.data.copy_(torch.from_numpy(numbers.uniform(-0.2, 0.2, p.shape)))
        nn.init.zeros_(self.decoder.bias)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output).view(-1, self.ntoken)
        return nn.functional.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return (
            weight.new_zeros(self.nlayers, bsz, self.nhid),
            weight.new_zeros(self.nlayers, bsz, self.nhid),
        )


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i):
    seq_len = min(args.bptt, len(source) - 1 - i)
    data = source[i : i + seq_len]
    target = source[i + 1 : i + 1 + seq_len].view(-1)
    return data, target


corpus = Corpus()
ntokens = len(corpus.idx2word)
train_data = batchify(corpus.train, args.batch_size)
val_data = batchify(corpus.valid, 4)
model = RNNModel(ntokens, args.emsize, args.nhid, args.nlayers).to(device)
criterion = nn.NLLLoss()
print(ntokens, train_data.size(), val_data.shape)
print(model)


def evaluate(data_source):
    model.eval()
    total_loss = 0.0
    hidden = model.init_hidden(4)
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, args.bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


def train(epoch):
    model.train()
    total_loss = 0.0
    hidden = model.init_hidden(args.batch_size)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, args.bptt)):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
        if batch % args.log_interval == 0 and batch > 0:
            cur_loss = total_loss / args.log_interval
            print(f"epoch {epoch} | {batch:3d} batches | loss {cur_loss:.6f}")
            total_loss = 0


lr = args.lr
best_val_loss = None
for epoch in range(1, args.epochs + 1):
    train(epoch)
    val_loss = evaluate(val_data)
    print("end of epoch %d | valid loss %.6f | ppl %.4f" % (epoch, val_loss, math.exp(val_loss)))
    if not best_val_loss or val_loss < best_val_loss:
        best_val_loss = val_loss
    else:
        lr /= 4.0

model.eval()
input = torch.zeros(1, 1, dtype=torch.long).to(device)
hidden = model.init_hidden(1)
words = []
with torch.no_grad():
    for _ in range(20):
        output, hidden = model(input, hidden)
        word_weights = output.squeeze().div(0.8).exp().cpu()
        word_idx = torch.topk(word_weights, 1)[1][0]
        input.fill_(word_idx)
        words.append(corpus.idx2word[word_idx])
print(" ".join(words))
