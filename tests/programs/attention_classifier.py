"""Sentences of two kinds: a bidirectional LSTM with attention over its outputs."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

embedding_dim, n_hidden, num_classes = 8, 10, 2
sentences = [
    "i love you so",
    "he loves me dearly",
    "she likes good baseball",
    "i hate you so",
    "sorry for that mess",
    "this is awful work",
]
labels = [1, 1, 1, 0, 0, 0]
word_list = sorted(set(" ".join(sentences).split()))
word_dict = {w: i for i, w in enumerate(word_list)}
vocab_size = len(word_dict)


class BiLSTM_Attention(nn.Module):
    def __init__(self):
        super(BiLSTM_Attention, self).__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, n_hidden, bidirectional=True)
        self.out = nn.Linear(n_hidden * 2, num_classes)

    # lstm_output : [batch_size, n_step, n_hidden * num_directions(=2)], F matrix
    def attention_net(self, lstm_output, final_state):
        hidden = final_state.transpose(0, 1).contiguous().view(-1, n_hidden * 2, 1)
        attn_weights = torch.bmm(lstm_output, hidden).squeeze(2)
        soft_attn_weights = F.softmax(attn_weights, 1)
        context = torch.bmm(lstm_output.transpose(1, 2), soft_attn_weights.unsqueeze(2)).squeeze(2)
        return context, soft_attn_weights.data.numpy()

    def forward(self, X):
        input = self.embedding(X)
        input = input.permute(1, 0, 2)
        hidden_state = torch.zeros(1 * 2, len(X), n_hidden)
        cell_state = torch.zeros(1 * 2, len(X), n_hidden)
        output, (final_hidden_state, final_cell_state) = self.lstm(
            input, (hidden_state, cell_state)
        )
        output = output.permute(1, 0, 2)
        attn_output, attention = self.attention_net(output, final_hidden_state)
        return self.out(attn_output), attention


model = BiLSTM_Attention()
numbers = np.random.RandomState(6)
model.load_state_dict(
    {k: torch.FloatTensor(numbers.randn(*v.shape) * 0.3) for k, v in model.state_dict().items()}
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
inputs = torch.LongTensor([np.asarray([word_dict[n] for n in sen.split()]) for sen in sentences])
targets = torch.LongTensor([out for out in labels])
print(inputs.size(), targets.size())

for epoch in range(60):
    optimizer.zero_grad()
    output, attention = model(inputs)
    loss = criterion(output, targets)
    if epoch % 10 == 0:
        print("Epoch:", "%04d" % (epoch + 1), "cost =", "{:.6f}".format(loss))
    loss.backward()
    optimizer.step()

test_text = "sorry i hate you"
tests = [np.asarray([word_dict[n] for n in test_text.split()])]
test_batch = torch.LongTensor(tests)
predict, attention = model(test_batch)
predict = predict.data.max(1, keepdim=True)[1]
print(test_text, "is", "bad" if predict[0][0] == 0 else "good", predict.shape)
print(np.round(attention.astype(float), 4).tolist())
