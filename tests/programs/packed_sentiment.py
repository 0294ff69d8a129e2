"""Is a review good? A bidirectional LSTM over packed sequences, with a Dataset and a collate_fn."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

random.seed(0)
torch.manual_seed(0)
good = "good great lovely fine superb".split()
bad = "bad awful poor dull weak".split()
plain = "the film plot acting was and music a story".split()
vocab = {word: i + 1 for i, word in enumerate(good + bad + plain)}  # 0 pads


class ReviewDataset(Dataset):
    def __init__(self, size):
        self.reviews = []
        for _ in range(size):
            label = random.randint(0, 1)
            words = [random.choice(plain) for _ in range(random.randint(2, 9))]
            words.insert(random.randint(0, len(words)), random.choice(good if label else bad))
            self.reviews.append((words, label))

    def __len__(self):
        return len(self.reviews)

    def __getitem__(self, idx):
        words, label = self.reviews[idx]
        return torch.tensor([vocab[w] for w in words]), label


def collate(batch):
    batch.sort(key=lambda item: len(item[0]), reverse=True)
    texts, labels = zip(*batch)
    lengths = torch.tensor([len(t) for t in texts])
    return pad_sequence(texts, batch_first=True), lengths, torch.tensor(labels).float()


class LSTMClassifier(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden_dim, 1)

    def forward(self, text, lengths):
        embedded = self.embedding(text)
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True)
        packed_output, (hidden, cell) = self.lstm(packed)
        output, output_lengths = pad_packed_sequence(packed_output, batch_first=True)
        assert output_lengths.tolist() == lengths.tolist()
        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        return self.fc(hidden).squeeze(1), output


def binary_accuracy(preds, y):
    rounded_preds = torch.round(torch.sigmoid(preds))
    correct = (rounded_preds == y).float()
    return correct.sum() / len(correct)


train_loader = DataLoader(ReviewDataset(160), batch_size=16, shuffle=False, collate_fn=collate)
test_set = ReviewDataset(40)
test_loader = DataLoader(test_set, batch_size=20, collate_fn=collate)
model = LSTMClassifier(len(vocab) + 1, 12, 16)
numbers = np.random.RandomState(7)
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(numbers.uniform(-0.25, 0.25, p.shape)))
    model.embedding.weight[0].fill_(0)
optimizer = optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(3):
    epoch_loss, epoch_acc = 0.0, 0.0
    model.train()
    for text, lengths, labels in train_loader:
        optimizer.zero_grad()
        predictions, output = model(text, lengths)
        loss = criterion(predictions, labels)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        epoch_acc += binary_accuracy(predictions, labels).item()
    n = len(train_loader)
    print(f"epoch {epoch} loss {epoch_loss / n:.6f} acc {100 * epoch_acc / n:.2f}%", output.shape)

model.eval()
with torch.no_grad():
    for text, lengths, labels in test_loader:
        predictions, output = model(text, lengths)
        print(lengths.tolist(), binary_accuracy(predictions, labels).item())

# the same sequences in any order
texts = [test_set[i][0] for i in range(5)]
embedded = model.embedding(pad_sequence(texts))
packed = pack_padded_sequence(embedded, [len(t) for t in texts], enforce_sorted=False)
output, _ = pad_packed_sequence(model.lstm(packed)[0], total_length=12)
print(packed.batch_sizes.tolist(), output.shape, output.sum().item())
