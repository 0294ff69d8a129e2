"""Part-of-speech tags of four sentences: an LSTM, one sentence at a time."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)


def prepare_sequence(seq, to_ix):
    idxs = [to_ix[w] for w in seq]
    return torch.tensor(idxs, dtype=torch.long)


training_data = [
    ("A girl reads the long letter".split(), ["DET", "NN", "V", "DET", "ADJ", "NN"]),
    ("Nobody found that old house".split(), ["NN", "V", "DET", "ADJ", "NN"]),
    ("The wind blows".split(), ["DET", "NN", "V"]),
    ("Small birds sing".split(), ["ADJ", "NN", "V"]),
]
word_to_ix = {}
for sent, tags in training_data:
    for word in sent:
        if word not in word_to_ix:
            word_to_ix[word] = len(word_to_ix)
tag_to_ix = {"DET": 0, "NN": 1, "V": 2, "ADJ": 3}
ix_to_tag = {ix: tag for tag, ix in tag_to_ix.items()}
print(word_to_ix)

EMBEDDING_DIM = 10
HIDDEN_DIM = 12


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super(LSTMTagger, self).__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)
        self.hidden = self.init_hidden()

    def init_hidden(self):
        return (torch.zeros(1, 1, self.hidden_dim), torch.zeros(1, 1, self.hidden_dim))

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, self.hidden = self.lstm(embeds.view(len(sentence), 1, -1), self.hidden)
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        return F.log_softmax(tag_space, dim=1)


model = LSTMTagger(EMBEDDING_DIM, HIDDEN_DIM, len(word_to_ix), len(tag_to_ix))
numbers = np.random.RandomState(1)
state = {
    name: torch.from_numpy(numbers.normal(0, 0.3, tuple(value.size()))).float()
    for name, value in model.state_dict().items()
}
print(model.load_state_dict(state))
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

with torch.no_grad():
    inputs = prepare_sequence(training_data[0][0], word_to_ix)
    model.hidden = model.init_hidden()
    print(model(inputs).size())

for epoch in range(60):
    total = torch.zeros(1)
    for sentence, tags in training_data:
        model.zero_grad()
        model.hidden = model.init_hidden()
        sentence_in = prepare_sequence(sentence, word_to_ix)
        targets = prepare_sequence(tags, tag_to_ix)
        tag_scores = model(sentence_in)
        loss = loss_function(tag_scores, targets)
        loss.backward()
        optimizer.step()
        total += loss.data
    if epoch % 10 == 0:
        print("epoch", epoch, "loss", total.item() / len(training_data))

with torch.no_grad():
    for sentence, tags in training_data:
        model.hidden = model.init_hidden()
        scores = model(prepare_sequence(sentence, word_to_ix))
        _, best = torch.max(scores, 1)
        print(" ".join(f"{w}/{ix_to_tag[i.item()]}" for w, i in zip(sentence, best)))
