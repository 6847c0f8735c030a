import pytest
import torch

from alframe import Recipe, UsageError
from alframe.defaults.augmentation import Augmentation, augmentation


def seeded():
    return torch.Generator().manual_seed(0)


def shifted(image, down, right, mirrored, padding):
    """The crop by its definition, pixel by pixel."""
    height, width = image.shape[1:]
    out = torch.zeros_like(image)
    for y in range(height):
        for x in range(width):
            source_y, source_x = y + down - padding, (width - 1 - x if mirrored else x) + right - padding
            if 0 <= source_y < height and 0 <= source_x < width:
                out[:, y, x] = image[:, source_y, source_x]
    return out


@pytest.mark.parametrize(("padding", "flip"), [(2, True), (2, False), (0, True)])
def test_each_image_is_one_of_the_crops_and_all_occur(padding, flip):
    image = torch.arange(1, 2 * 5 * 4 + 1, dtype=torch.uint8).reshape(2, 5, 4)
    wanted = {
        tuple(shifted(image, down, right, mirrored, padding).flatten().tolist())
        for down in range(2 * padding + 1)
        for right in range(2 * padding + 1)
        for mirrored in ((False, True) if flip else (False,))
    }
    batch = image.expand(2000, -1, -1, -1)
    made = Augmentation(padding, flip, seeded())(batch)
    assert made.dtype == torch.uint8
    assert {tuple(one.flatten().tolist()) for one in made} == wanted


def test_the_images_themselves_stay_as_they_are():
    images = torch.randint(
        0, 256, (8, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    before = images.clone()
    Augmentation(4, True, seeded())(images)
    assert torch.equal(images, before)


def test_half_of_the_images_are_mirrored_and_shifts_are_uniform():
    images = torch.arange(9.0).reshape(1, 1, 3, 3).repeat(4000, 1, 1, 1) + 1
    made = Augmentation(1, False, seeded())(images)
    centre = made[:, 0, 1, 1].long().bincount(minlength=10)[1:]
    assert (centre - 4000 / 9).abs().max() < 5 * (4000 / 9) ** 0.5
    mirrored = Augmentation(0, True, seeded())(images)[:, 0, 0, 0] == 3
    assert abs(mirrored.sum() - 2000) < 5 * 1000**0.5


def test_nothing_is_asked_for():
    assert augmentation(Recipe(), torch.Size((3, 8, 8)), torch.Generator()) is None


@pytest.mark.parametrize("shape", [(64,), (8, 8)])
def test_what_is_no_image(shape):
    with pytest.raises(UsageError, match="leave it out"):
        augmentation(Recipe(augment=("crop",)), torch.Size(shape), torch.Generator())


def test_the_recipe_says_which_changes_and_how_wide():
    images = torch.ones(50, 1, 8, 8)
    crop = augmentation(Recipe(augment=("crop",), crop_padding=2), images.shape[1:], seeded())
    sums = crop(images).sum(dim=(1, 2, 3))
    assert sums.min() >= 36
    assert len(sums.unique()) > 3
    flip = augmentation(Recipe(augment=("flip",)), images.shape[1:], seeded())
    assert (flip(images) == 1).all()


def test_the_numbers_are_the_same_as_ever():
    """They are drawn in one order: shifts down, shifts right, mirrored or not."""
    drawn = Augmentation(4, True, seeded()).draws(5)
    generator = seeded()
    assert torch.equal(drawn[:2], torch.randint(0, 9, (2, 5, 1), generator=generator))
    assert torch.equal(drawn[2], (torch.rand(5, 1, generator=generator) < 0.5).long())


def test_what_was_drawn_before_is_what_is_drawn_meanwhile():
    images = torch.arange(2 * 3 * 5 * 5).reshape(2, 3, 5, 5)
    one, other = (Augmentation(2, True, seeded()) for _ in range(2))
    assert torch.equal(one(images), other(images, other.draws(2)))
