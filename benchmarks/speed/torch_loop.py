"""The reference networks as a PyTorch eager loop: the same step, one operation after the other."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

BATCH, NOISE_DIM, N_FRAUDS = 64, 10, 32
GENUINE, FRAUD, FAKE = 0, 1, 2


class TorchLoop:
    """Our step under the preset `reference`, as `benchmarks.speed.jax_loop` describes it.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, 29)
        Scaled transactions.
    labels : ndarray of shape (n_rows,), values in {0, 1}
        1 marks fraud; both classes must be there.
    seed : int
        Of weights and every draw; PyTorch's global one.
    """

    def __init__(self, rows, labels, seed=0):
        torch.manual_seed(seed)
        self.rows = torch.tensor(rows, dtype=torch.float32)
        labels = torch.tensor(labels)
        self.pools = [self.rows[labels == label] for label in (GENUINE, FRAUD)]
        self.generator = nn.Sequential(*_stack((NOISE_DIM, 16, 32)), nn.Linear(32, 29))
        self.body = nn.Sequential(*_stack((29, 31, 16), dropout=0.25))
        self.heads = nn.Linear(16, 4)  # real/fake, then three classes
        self.labels = torch.tensor([FRAUD] * N_FRAUDS + [GENUINE] * (BATCH - N_FRAUDS))
        judging = [*self.body.parameters(), *self.heads.parameters()]
        self.discriminator_optimizer = torch.optim.Adam(judging, 2e-4, betas=(0.5, 0.999))
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), 2e-4, betas=(0.5, 0.999)
        )

    def step(self):
        """Train both networks on one batch each; the losses as tensors."""
        real = torch.cat(
            [
                _draw(self.pools[FRAUD], N_FRAUDS),
                _draw(self.pools[GENUINE], BATCH - N_FRAUDS),
                _draw(self.rows, BATCH),
            ]
        )
        fakes = self.generator(torch.randn(BATCH, NOISE_DIM))
        on_real = self.heads(self.body(real))
        on_fakes = self.heads(self.body(fakes.detach()))
        classes = functional.cross_entropy(on_real[:BATCH, 1:], self.labels)
        classes = classes - 0.5 * functional.log_softmax(on_fakes[:, 1:], 1)[:, FAKE].mean()
        real_fake = 0.5 * (
            functional.softplus(-on_real[BATCH:, 0]).mean()
            + functional.softplus(on_fakes[:, 0]).mean()
        )
        loss = classes + real_fake
        generator_loss = functional.softplus(-self.heads(self.body(fakes))[:, 0]).mean()
        of_generator = torch.autograd.grad(generator_loss, list(self.generator.parameters()))
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        for weight, gradient in zip(self.generator.parameters(), of_generator, strict=True):
            weight.grad = gradient
        self.generator_optimizer.step()
        return loss.detach(), generator_loss.detach()


def _stack(widths, dropout=0.0):
    layers = []
    for n_inputs, n_units in pairwise(widths):
        # PyTorch's momentum is the weight of the new batch.
        layers += [
            nn.Linear(n_inputs, n_units), nn.BatchNorm1d(n_units, eps=1e-3, momentum=0.2),
            nn.LeakyReLU(0.2),
        ]  # fmt: skip
        layers += [nn.Dropout(dropout)] if dropout else []
    return layers


def _draw(pool, n):
    return pool[torch.randint(len(pool), (n,))]
