"""Word vectors: an n-gram model, then skip-gram with negative samples."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

random.seed(1)
numbers = np.random.RandomState(1)
CONTEXT_SIZE = 2
EMBEDDING_DIM = 10
text = """the king rules the land and the queen rules the sea
the king loves the queen and the queen loves the land
a boat on the sea and a house on the land belong to the king""".split()
vocab = sorted(set(text))
word_to_ix = {word: i for i, word in enumerate(vocab)}
ngrams = [
    ([text[i - j - 1] for j in range(CONTEXT_SIZE)], text[i])
    for i in range(CONTEXT_SIZE, len(text))
]
print(ngrams[:2])


class NGramLanguageModeler(nn.Module):
    def __init__(self, vocab_size, embedding_dim, context_size):
        super(NGramLanguageModeler, self).__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 32)
        self.linear2 = nn.Linear(32, vocab_size)

    def forward(self, inputs):
        embeds = self.embeddings(inputs).view((1, -1))
        out = F.relu(self.linear1(embeds))
        out = self.linear2(out)
        return F.log_softmax(out, dim=1)


def from_numpy(model, scale):
    for p in model.parameters():
        p.data = torch.from_numpy(numbers.normal(0, scale, tuple(p.shape)).astype("float32"))
    return model


model = from_numpy(NGramLanguageModeler(len(vocab), EMBEDDING_DIM, CONTEXT_SIZE), 0.3)
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
losses = []
for epoch in range(5):
    total_loss = 0
    for context, target in ngrams:
        context_idxs = torch.tensor([word_to_ix[w] for w in context], dtype=torch.long)
        model.zero_grad()
        log_probs = model(context_idxs)
        loss = loss_function(log_probs, torch.tensor([word_to_ix[target]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    losses.append(total_loss)
print("n-gram", losses)
print(model.embeddings.weight[word_to_ix["king"]][:3].tolist())


class SkipGram(nn.Module):
    def __init__(self, vocab_size, embedding_dim):
        super().__init__()
        self.in_embed = nn.Embedding(vocab_size, embedding_dim)
        self.out_embed = nn.Embedding(vocab_size, embedding_dim)

    def forward(self, input_labels, pos_labels, neg_labels):
        input_embedding = self.in_embed(input_labels)  # (B, E)
        pos_embedding = self.out_embed(pos_labels)  # (B, W, E)
        neg_embedding = self.out_embed(neg_labels)  # (B, K, E)
        input_embedding = input_embedding.unsqueeze(2)
        pos_dot = torch.bmm(pos_embedding, input_embedding).squeeze(2)
        neg_dot = torch.bmm(neg_embedding, -input_embedding).squeeze(2)
        log_pos = F.logsigmoid(pos_dot).sum(1)
        log_neg = F.logsigmoid(neg_dot).sum(1)
        return -(log_pos + log_neg)

    def input_embeddings(self):
        return self.in_embed.weight.data.cpu().numpy()


ids = [word_to_ix[w] for w in text]
centers = torch.LongTensor(ids[2:-2])
around = torch.stack(
    [torch.LongTensor(ids[i - 2 : i] + ids[i + 1 : i + 3]) for i in range(2, len(ids) - 2)]
)
skipgram = from_numpy(SkipGram(len(vocab), EMBEDDING_DIM), 0.2)
optimizer = torch.optim.Adam(skipgram.parameters(), lr=0.05)
for step in range(60):
    negatives = torch.from_numpy(numbers.randint(0, len(vocab), (len(centers), 6)))
    loss = skipgram(centers, around, negatives).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        print("skip-gram", step, loss.item(), around.shape)

weights = skipgram.in_embed.weight.detach()
unit = weights / weights.norm(dim=1, keepdim=True)
similar = torch.mm(unit, unit.t())
for word in ("king", "sea"):
    _, nearest = similar[word_to_ix[word]].topk(4)
    print(word, [vocab[i] for i in nearest[1:]])
print(F.cosine_similarity(weights[:1], weights[1:3]).tolist(), skipgram.input_embeddings().shape)
