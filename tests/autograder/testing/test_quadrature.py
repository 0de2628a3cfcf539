import math

import torch

from autograder.testing.quadrature import gauss_hermite, gauss_legendre

close = torch.testing.assert_close


def test_gauss_legendre_integrates_polynomials_and_smooth_functions():
    x, w = gauss_legendre(8, -1.0, 3.0)
    close(w.sum(), torch.tensor(4.0).double())
    close((w * x**15).sum(), torch.tensor((3**16 - 1) / 16).double())
    x, w = gauss_legendre(30, 0.0, 2.0)
    close((w * x.exp()).sum(), torch.tensor(math.e**2 - 1).double())


def test_gauss_legendre_takes_an_interval_for_every_entry():
    low, high = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([2.0, 3.0, 5.0]).double()
    x, w = gauss_legendre(5, low, high)
    assert x.shape == (2, 3, 5) and w.shape == (2, 3, 5)
    close((w * x).sum(-1), (high**2 - low**2) / 2)


def test_gauss_hermite_knows_the_moments_of_the_normal_law():
    x, w = gauss_hermite(12)
    for power, moment in ((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0), (8, 105.0)):
        close((w * x**power).sum(), torch.tensor(moment).double())
    close((gauss_hermite(40)[1] * gauss_hermite(40)[0].exp()).sum(), torch.tensor(math.exp(0.5)).double())
