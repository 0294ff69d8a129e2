"""Named entities: a bidirectional LSTM whose scores go into a linear-chain CRF, with the forward
algorithm for the loss and Viterbi for the answer."""

import numpy as np
import torch
from torch import nn, optim

torch.manual_seed(1)
START, STOP = "<START>", "<STOP>"
EMBEDDING_DIM, HIDDEN_DIM = 6, 8
training_data = [
    ("anna flew to new york on monday".split(), "B O O B I O O".split()),
    ("the river thames runs through london".split(), "O O B O O B".split()),
    ("nobody saw john smith".split(), "O O B I".split()),
]
word_to_ix = {}
for sentence, _ in training_data:
    for word in sentence:
        word_to_ix.setdefault(word, len(word_to_ix))
tag_to_ix = {"B": 0, "I": 1, "O": 2, START: 3, STOP: 4}
ix_to_tag = list(tag_to_ix)


def argmax(vec):
    _, idx = torch.max(vec, 1)
    return idx.item()


def log_sum_exp(vec):
    highest = vec[0, argmax(vec)]
    spread = highest.view(1, -1).expand(1, vec.size()[1])
    return highest + torch.log(torch.sum(torch.exp(vec - spread)))


class BiLSTM_CRF(nn.Module):
    def __init__(self, vocab_size, tag_to_ix, embedding_dim, hidden_dim):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.tagset_size = len(tag_to_ix)
        self.word_embeds = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim // 2, num_layers=1, bidirectional=True)
        self.hidden2tag = nn.Linear(hidden_dim, self.tagset_size)
        # transitions[i, j]: the score of going to i from j
        self.transitions = nn.Parameter(torch.randn(self.tagset_size, self.tagset_size))
        numbers = np.random.RandomState(2)
        for p in self.parameters():
            p.data = torch.tensor(numbers.normal(0, 0.4, p.shape), dtype=torch.float32)
        self.transitions.data[tag_to_ix[START], :] = -10000
        self.transitions.data[:, tag_to_ix[STOP]] = -10000

    def _features(self, sentence):
        hidden = (
            torch.zeros(2, 1, self.hidden_dim // 2),
            torch.zeros(2, 1, self.hidden_dim // 2),
        )
        embeds = self.word_embeds(sentence).view(len(sentence), 1, -1)
        lstm_out, hidden = self.lstm(embeds, hidden)
        return self.hidden2tag(lstm_out.view(len(sentence), self.hidden_dim))

    def _partition(self, feats):
        forward_var = torch.full((1, self.tagset_size), -10000.0)
        forward_var[0][tag_to_ix[START]] = 0.0
        for feat in feats:
            alphas_t = []
            for next_tag in range(self.tagset_size):
                emit_score = feat[next_tag].view(1, -1).expand(1, self.tagset_size)
                trans_score = self.transitions[next_tag].view(1, -1)
                next_tag_var = forward_var + trans_score + emit_score
                alphas_t.append(log_sum_exp(next_tag_var).view(1))
            forward_var = torch.cat(alphas_t).view(1, -1)
        return log_sum_exp(forward_var + self.transitions[tag_to_ix[STOP]])

    def _score(self, feats, tags):
        score = torch.zeros(1)
        tags = torch.cat([torch.tensor([tag_to_ix[START]], dtype=torch.long), tags])
        for i, feat in enumerate(feats):
            score = score + self.transitions[tags[i + 1], tags[i]] + feat[tags[i + 1]]
        return score + self.transitions[tag_to_ix[STOP], tags[-1]]

    def neg_log_likelihood(self, sentence, tags):
        feats = self._features(sentence)
        return self._partition(feats) - self._score(feats, tags)

    def forward(self, sentence):
        """The best path by Viterbi."""
        backpointers = []
        scores = torch.full((1, self.tagset_size), -10000.0)
        scores[0][tag_to_ix[START]] = 0
        for feat in self._features(sentence):
            bptrs_t = []
            viterbivars_t = []
            for next_tag in range(self.tagset_size):
                next_tag_var = scores + self.transitions[next_tag]
                best = argmax(next_tag_var)
                bptrs_t.append(best)
                viterbivars_t.append(next_tag_var[0][best].view(1))
            scores = (torch.cat(viterbivars_t) + feat).view(1, -1)
            backpointers.append(bptrs_t)
        terminal_var = scores + self.transitions[tag_to_ix[STOP]]
        best = argmax(terminal_var)
        path_score = terminal_var[0][best]
        path = [best]
        for bptrs_t in reversed(backpointers):
            best = bptrs_t[best]
            path.append(best)
        assert path.pop() == tag_to_ix[START]
        path.reverse()
        return path_score, path


def prepare(words, to_ix):
    return torch.tensor([to_ix[w] for w in words], dtype=torch.long)


model = BiLSTM_CRF(len(word_to_ix), tag_to_ix, EMBEDDING_DIM, HIDDEN_DIM)
optimizer = optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-4)
with torch.no_grad():
    score, path = model(prepare(training_data[0][0], word_to_ix))
    print("before", score.item(), path)

for epoch in range(12):
    for sentence, tags in training_data:
        model.zero_grad()
        loss = model.neg_log_likelihood(prepare(sentence, word_to_ix), prepare(tags, tag_to_ix))
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch} loss {loss.item():.6f}", loss.shape)

with torch.no_grad():
    for sentence, tags in training_data:
        score, path = model(prepare(sentence, word_to_ix))
        print("%.4f" % score, " ".join(ix_to_tag[i] for i in path), "|", " ".join(tags))
