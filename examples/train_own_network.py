"""A network of one's own, trained on scikit-learn's digits, exported and used: all from Python.

python examples/train_own_network.py [FOLDER]     about a minute on two cores
"""

import sys
from pathlib import Path

import paddle

import ppghost
from ppghost.data.datasets.digits import write_digits
from ppghost.models.ghost import ghost_bottleneck
from ppghost.models.layers import conv_bn_layer, fc_layer, global_pool
from ppghost.models.network import Network


@ppghost.register_model("DigitGhost", family="Example", input_shape=(3, 32, 32))
def digit_ghost(class_num: int = 10, in_channels: int = 3) -> Network:
    """Three ghost bottlenecks. In static graph this builds a Program, in dygraph a Layer."""

    def body(x):
        x = conv_bn_layer(x, 16, 3, stride=2, act="relu", name="stem")
        x = ghost_bottleneck(x, 48, 24, 3, 2, use_se=False, name="block1")
        x = ghost_bottleneck(x, 72, 40, 3, 2, use_se=True, name="block2")
        x = ghost_bottleneck(x, 120, 40, 3, 1, use_se=True, name="block3")
        return fc_layer(paddle.flatten(global_pool(x), 1), class_num, name="fc")

    return Network(body, in_channels)


class PrintEpochs(ppghost.Callback):
    """One line an epoch."""

    def on_epoch(self, record):
        print(f"epoch {record.epoch}: {record.metrics}")


def main(folder: Path, epochs: int = 4) -> dict:
    write_digits(folder / "digits")
    lists = {"Train": "train_list.txt", "Eval": "val_list.txt"}
    overrides = [
        "Arch.name=DigitGhost",
        f"Global.output_dir={folder / 'train'}",
        f"Global.epochs={epochs}",
        f"Infer.PostProcess.class_id_map_file={folder / 'digits' / 'label_list.txt'}",
    ]
    for mode, name in lists.items():
        dataset = f"DataLoader.{mode}.dataset"
        overrides += [f"{dataset}.image_root={folder / 'digits'}"]
        overrides += [f"{dataset}.cls_label_path={folder / 'digits' / name}"]
    base = Path(ppghost.__file__).with_name("configs") / "demo" / "GhostNet_x0_5_digits.yaml"

    config = ppghost.load_config(base, overrides)
    print(ppghost.analyze(config))
    ppghost.train(config, callbacks=[PrintEpochs()])

    best = folder / "train" / "DigitGhost" / "best_model"
    config = ppghost.load_config(base, [*overrides, f"Global.pretrained_model={best}"])
    accuracy = ppghost.evaluate(config)
    ppghost.export(config, folder / "model")

    predictor = ppghost.Predictor(folder / "model")
    image = next((folder / "digits" / "images" / "val").glob("*.png"))
    print(f"{image.name}: {predictor.labels[int(predictor(image).argmax())]}")
    return accuracy


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "output/example")))
