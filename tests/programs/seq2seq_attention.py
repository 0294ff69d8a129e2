"""Reversed sequences: an encoder, a decoder that attends to it, and teacher forcing."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

SEED = 1234
random.seed(SEED)
torch.manual_seed(SEED)
torch.backends.cudnn.deterministic = True

PAD, SOS, EOS = 0, 1, 2
VOCAB, EMB, HID = 12, 16, 24


def make_batch(batch_size):
    lengths = [random.randint(3, 6) for _ in range(batch_size)]
    src = torch.full((7, batch_size), PAD, dtype=torch.long)
    trg = torch.full((8, batch_size), PAD, dtype=torch.long)
    for b, n in enumerate(lengths):
        word = [random.randint(3, VOCAB - 1) for _ in range(n)]
        src[: n + 1, b] = torch.tensor(word + [EOS])
        trg[: n + 2, b] = torch.tensor([SOS] + word[::-1] + [EOS])
    return src, trg


class Encoder(nn.Module):
    def __init__(self, input_dim, emb_dim, enc_hid_dim, dec_hid_dim):
        super().__init__()
        self.embedding = nn.Embedding(input_dim, emb_dim)
        self.rnn = nn.GRU(emb_dim, enc_hid_dim, bidirectional=True)
        self.fc = nn.Linear(enc_hid_dim * 2, dec_hid_dim)

    def forward(self, src):
        outputs, hidden = self.rnn(self.embedding(src))
        hidden = torch.tanh(self.fc(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)))
        return outputs, hidden


class Attention(nn.Module):
    def __init__(self, enc_hid_dim, dec_hid_dim):
        super().__init__()
        self.attn = nn.Linear(enc_hid_dim * 2 + dec_hid_dim, dec_hid_dim)
        self.v = nn.Linear(dec_hid_dim, 1, bias=False)

    def forward(self, hidden, encoder_outputs, mask):
        src_len = encoder_outputs.shape[0]
        hidden = hidden.unsqueeze(1).repeat(1, src_len, 1)
        encoder_outputs = encoder_outputs.permute(1, 0, 2)
        energy = torch.tanh(self.attn(torch.cat((hidden, encoder_outputs), dim=2)))
        attention = self.v(energy).squeeze(2)
        attention = attention.masked_fill(mask == 0, -1e10)
        return F.softmax(attention, dim=1)


class Decoder(nn.Module):
    def __init__(self, output_dim, emb_dim, enc_hid_dim, dec_hid_dim, attention):
        super().__init__()
        self.output_dim = output_dim
        self.attention = attention
        self.embedding = nn.Embedding(output_dim, emb_dim)
        self.rnn = nn.GRU(enc_hid_dim * 2 + emb_dim, dec_hid_dim)
        self.fc_out = nn.Linear(enc_hid_dim * 2 + dec_hid_dim + emb_dim, output_dim)

    def forward(self, input, hidden, encoder_outputs, mask):
        embedded = self.embedding(input.unsqueeze(0))
        a = self.attention(hidden, encoder_outputs, mask).unsqueeze(1)
        weighted = torch.bmm(a, encoder_outputs.permute(1, 0, 2)).permute(1, 0, 2)
        output, hidden = self.rnn(torch.cat((embedded, weighted), dim=2), hidden.unsqueeze(0))
        assert (output == hidden).all()
        output, embedded, weighted = output.squeeze(0), embedded.squeeze(0), weighted.squeeze(0)
        prediction = self.fc_out(torch.cat((output, weighted, embedded), dim=1))
        return prediction, hidden.squeeze(0), a.squeeze(1)


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.device = device

    def forward(self, src, trg, teacher_forcing_ratio=0.5):
        batch_size, trg_len = src.shape[1], trg.shape[0]
        outputs = torch.zeros(trg_len, batch_size, self.decoder.output_dim).to(self.device)
        encoder_outputs, hidden = self.encoder(src)
        mask = (src != PAD).permute(1, 0)
        input = trg[0, :]
        for t in range(1, trg_len):
            output, hidden, _ = self.decoder(input, hidden, encoder_outputs, mask)
            outputs[t] = output
            teacher_force = random.random() < teacher_forcing_ratio
            top1 = output.argmax(1)
            input = trg[t] if teacher_force else top1
        return outputs


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
attention = Attention(HID, HID)
encoder = Encoder(VOCAB, EMB, HID, HID)
decoder = Decoder(VOCAB, EMB, HID, HID, attention)
model = Seq2Seq(encoder, decoder, device).to(device)
numbers = np.random.RandomState(0)


def init_weights(m):
    for name, param in m.named_parameters():
        if "weight" in name:
            values = numbers.normal(0, 0.1, size=tuple(param.shape))
            param.data.copy_(torch.from_numpy(values))
        else:
            nn.init.constant_(param.data, 0)


model.apply(init_weights)
count = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"The model has {count:,} trainable parameters")
optimizer = optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss(ignore_index=PAD)


def train(steps, clip):
    model.train()
    epoch_loss = 0
    for i in range(steps):
        src, trg = make_batch(8)
        optimizer.zero_grad()
        output = model(src, trg)
        output_dim = output.shape[-1]
        output = output[1:].view(-1, output_dim)
        target = trg[1:].view(-1)
        loss = criterion(output, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        epoch_loss += loss.item()
    return epoch_loss / steps


for epoch in range(3):
    print(f"Epoch: {epoch + 1:02} | Train Loss: {train(10, 1):.5f}")

model.eval()
with torch.no_grad():
    src, trg = make_batch(3)
    output = model(src, trg, 0)
    print(output.shape, criterion(output[1:].view(-1, VOCAB), trg[1:].view(-1)).item())
    print(output.argmax(2).t().tolist())
