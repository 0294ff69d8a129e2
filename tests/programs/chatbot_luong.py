"""A chatbot: a packed bidirectional GRU reads, a GRU with Luong's attention answers word by word."""

import itertools
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
random.seed(4)
np.random.seed(4)
PAD_token, SOS_token, EOS_token = 0, 1, 2
MAX_LENGTH = 8
pairs = [
    ["where are you", "i am here"],
    ["are you well", "i am very well thank you"],
    ["who is there", "it is me"],
    ["what is the time", "i do not know"],
    ["do you know me", "no i do not"],
    ["is it late", "it is very late"],
    ["thank you", "you are welcome"],
    ["good night", "good night to you"],
]


class Voc:
    def __init__(self):
        self.word2index = {}
        self.index2word = {PAD_token: "PAD", SOS_token: "SOS", EOS_token: "EOS"}
        self.num_words = 3

    def addSentence(self, sentence):
        for word in sentence.split(" "):
            if word not in self.word2index:
                self.word2index[word] = self.num_words
                self.index2word[self.num_words] = word
                self.num_words += 1


voc = Voc()
for pair in pairs:
    for sentence in pair:
        voc.addSentence(sentence)


def indexesFromSentence(sentence):
    return [voc.word2index[word] for word in sentence.split(" ")] + [EOS_token]


def zeroPadding(rows):
    return list(itertools.zip_longest(*rows, fillvalue=PAD_token))


def inputVar(sentences):
    indexes_batch = [indexesFromSentence(sentence) for sentence in sentences]
    lengths = torch.tensor([len(indexes) for indexes in indexes_batch])
    return torch.LongTensor(zeroPadding(indexes_batch)), lengths


def outputVar(sentences):
    indexes_batch = [indexesFromSentence(sentence) for sentence in sentences]
    padList = zeroPadding(indexes_batch)
    mask = torch.BoolTensor([[token != PAD_token for token in row] for row in padList])
    return torch.LongTensor(padList), mask, max(len(indexes) for indexes in indexes_batch)


def batch2TrainData(batch):
    batch.sort(key=lambda pair: len(pair[0].split(" ")), reverse=True)
    return *inputVar([p[0] for p in batch]), *outputVar([p[1] for p in batch])


class EncoderRNN(nn.Module):
    def __init__(self, hidden_size, embedding, n_layers=1, dropout=0):
        super(EncoderRNN, self).__init__()
        self.n_layers = n_layers
        self.hidden_size = hidden_size
        self.embedding = embedding
        self.gru = nn.GRU(hidden_size, hidden_size, n_layers, dropout=dropout, bidirectional=True)

    def forward(self, input_seq, input_lengths, hidden=None):
        embedded = self.embedding(input_seq)
        packed = nn.utils.rnn.pack_padded_sequence(embedded, input_lengths)
        outputs, hidden = self.gru(packed, hidden)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs)
        outputs = outputs[:, :, : self.hidden_size] + outputs[:, :, self.hidden_size :]
        return outputs, hidden


class Attn(nn.Module):
    def __init__(self, method, hidden_size):
        super(Attn, self).__init__()
        self.method = method
        if self.method not in ["dot", "general", "concat"]:
            raise ValueError(self.method, "is not an appropriate attention method.")
        self.hidden_size = hidden_size
        if self.method == "general":
            self.attn = nn.Linear(self.hidden_size, hidden_size)
        elif self.method == "concat":
            self.attn = nn.Linear(self.hidden_size * 2, hidden_size)
            self.v = nn.Parameter(torch.FloatTensor(hidden_size))

    def dot_score(self, hidden, encoder_output):
        return torch.sum(hidden * encoder_output, dim=2)

    def general_score(self, hidden, encoder_output):
        return torch.sum(hidden * self.attn(encoder_output), dim=2)

    def concat_score(self, hidden, encoder_output):
        both = torch.cat((hidden.expand(encoder_output.size(0), -1, -1), encoder_output), 2)
        return torch.sum(self.v * self.attn(both).tanh(), dim=2)

    def forward(self, hidden, encoder_outputs):
        score = getattr(self, self.method + "_score")
        attn_energies = score(hidden, encoder_outputs).t()
        return F.softmax(attn_energies, dim=1).unsqueeze(1)


class LuongAttnDecoderRNN(nn.Module):
    def __init__(self, attn_model, embedding, hidden_size, output_size, n_layers=1, dropout=0):
        super(LuongAttnDecoderRNN, self).__init__()
        self.n_layers = n_layers
        self.embedding = embedding
        self.embedding_dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(hidden_size, hidden_size, n_layers, dropout=dropout)
        self.concat = nn.Linear(hidden_size * 2, hidden_size)
        self.out = nn.Linear(hidden_size, output_size)
        self.attn = Attn(attn_model, hidden_size)

    def forward(self, input_step, last_hidden, encoder_outputs):
        embedded = self.embedding_dropout(self.embedding(input_step))
        rnn_output, hidden = self.gru(embedded, last_hidden)
        attn_weights = self.attn(rnn_output, encoder_outputs)
        context = attn_weights.bmm(encoder_outputs.transpose(0, 1))
        concat_input = torch.cat((rnn_output.squeeze(0), context.squeeze(1)), 1)
        output = self.out(torch.tanh(self.concat(concat_input)))
        return F.softmax(output, dim=1), hidden


def maskNLLLoss(inp, target, mask):
    nTotal = mask.sum()
    crossEntropy = -torch.log(torch.gather(inp, 1, target.view(-1, 1)).squeeze(1))
    loss = crossEntropy.masked_select(mask).mean()
    return loss.to(device), nTotal.item()


def train(batch, encoder, decoder, encoder_optimizer, decoder_optimizer, ratio, clip):
    input_variable, lengths, target_variable, mask, max_target_len = batch2TrainData(batch)
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    lengths = lengths.to("cpu")
    loss = 0
    print_losses = []
    n_totals = 0
    encoder_outputs, encoder_hidden = encoder(input_variable, lengths)
    decoder_input = torch.LongTensor([[SOS_token for _ in batch]]).to(device)
    decoder_hidden = encoder_hidden[: decoder.n_layers]
    use_teacher_forcing = random.random() < ratio
    for t in range(max_target_len):
        decoder_output, decoder_hidden = decoder(decoder_input, decoder_hidden, encoder_outputs)
        if use_teacher_forcing:
            decoder_input = target_variable[t].view(1, -1)
        else:
            _, topi = decoder_output.topk(1)
            decoder_input = torch.LongTensor([[topi[i][0] for i in range(len(batch))]])
        mask_loss, nTotal = maskNLLLoss(decoder_output, target_variable[t], mask[t])
        loss += mask_loss
        print_losses.append(mask_loss.item() * nTotal)
        n_totals += nTotal
    loss.backward()
    nn.utils.clip_grad_norm_(encoder.parameters(), clip)
    nn.utils.clip_grad_norm_(decoder.parameters(), clip)
    encoder_optimizer.step()
    decoder_optimizer.step()
    return sum(print_losses) / n_totals


class GreedySearchDecoder(nn.Module):
    def __init__(self, encoder, decoder):
        super(GreedySearchDecoder, self).__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, input_seq, input_length, max_length):
        encoder_outputs, encoder_hidden = self.encoder(input_seq, input_length)
        decoder_hidden = encoder_hidden[: self.decoder.n_layers]
        decoder_input = torch.ones(1, 1, device=device, dtype=torch.long) * SOS_token
        all_tokens = torch.zeros([0], device=device, dtype=torch.long)
        all_scores = torch.zeros([0], device=device)
        for _ in range(max_length):
            step = self.decoder(decoder_input, decoder_hidden, encoder_outputs)
            decoder_output, decoder_hidden = step
            decoder_scores, decoder_input = torch.max(decoder_output, dim=1)
            all_tokens = torch.cat((all_tokens, decoder_input), dim=0)
            all_scores = torch.cat((all_scores, decoder_scores), dim=0)
            decoder_input = torch.unsqueeze(decoder_input, 0)
        return all_tokens, all_scores


for attn_model in ("dot", "general", "concat"):
    embedding = nn.Embedding(voc.num_words, 12)
    encoder = EncoderRNN(12, embedding, n_layers=2)
    decoder = LuongAttnDecoderRNN(attn_model, embedding, 12, voc.num_words, n_layers=2)
    for module in (encoder, decoder):
        for p in module.parameters():
            p.data.copy_(torch.from_numpy(np.random.uniform(-0.5, 0.5, tuple(p.shape))))
    encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
    decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.02)
    for iteration in range(1, 13):
        batch = [random.choice(pairs) for _ in range(5)]
        settings = (encoder, decoder, encoder_optimizer, decoder_optimizer, 0.7, 5.0)
        loss = train(batch, *settings)
        if iteration % 3 == 1:
            print("Iteration: {}; Average loss: {:.4f}".format(iteration, loss))
    encoder.eval()
    decoder.eval()
    searcher = GreedySearchDecoder(encoder, decoder)
    with torch.no_grad():
        for question in ("where are you", "good night"):
            input_batch, lengths = inputVar([question])
            tokens, scores = searcher(input_batch, lengths, MAX_LENGTH)
            words = [voc.index2word[token.item()] for token in tokens]
            print("Bot:", " ".join([w for w in words if w not in ("EOS", "PAD")]), scores.shape)
print(encoder)
