"""A network of timm or torchvision trained for some steps, as the second peer of `train_step.py`.

    PYTHON_WITH_TORCH benchmarks/torch_steps.py NAME LIST ROOT [--batch 16] [--size 224]
        [--plain-layout]

In an environment of its own: it needs torch, torchvision and timm, and nothing of ppghost. When a
step is done it prints a line, as PaddleClas does. Images are decoded, cropped, flipped and
normalised by torchvision in one worker process; cross-entropy, SGD with momentum, one thread.
"""

import argparse
from pathlib import Path

import timm
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2


class ListedImages(Dataset):
    """Images and labels of a list file, `path label` a line."""

    def __init__(self, lines: list[str], root: Path, size: int) -> None:
        self.entries = [line.rsplit(maxsplit=1) for line in lines]
        self.root = root
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(size),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.entries[index]
        with Image.open(self.root / path) as image:
            return self.transform(image.convert("RGB")), int(label)


def create(name: str) -> torch.nn.Module:
    """A network by `timm:NAME` or `torchvision:NAME`, with random weights."""
    library, _, network = name.partition(":")
    if library == "timm":
        return timm.create_model(network)
    return torchvision.models.get_model(network, weights=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name")
    parser.add_argument("list", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--plain-layout", action="store_true", help="not channels_last")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    layout = torch.contiguous_format if arguments.plain_layout else torch.channels_last
    model = create(arguments.name).to(memory_format=layout).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=4e-5)
    dataset = ListedImages(arguments.list.read_text().splitlines(), arguments.root, arguments.size)
    loader = DataLoader(dataset, arguments.batch, shuffle=True, num_workers=1, drop_last=True)
    for step, (images, labels) in enumerate(loader, start=1):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images.to(memory_format=layout)), labels)
        loss.backward()
        optimizer.step()
        print(f"[Iter: {step}/{len(loader)}] loss {float(loss):.4f}", flush=True)


if __name__ == "__main__":
    main()
