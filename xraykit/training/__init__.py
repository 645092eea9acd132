"""A recipe and films become a finished run, and a run becomes a saved model. Only `fit` imports Keras.

recipe/recipe       every choice that decides what a run learns
recipe/rules        what each of its fields may hold, and every fault at once
recipe/fields       each of its fields in a person's words; recipe/augmentation_fields those of its augmentation
recipe/field        how a field is described: limits from its rule, default from its class
recipe/presets      the recipes that have a name; recipes read from a file
recipe/sentences    how a model was trained, as sentences
run/run             the folder of one run: the only truth about it
run/control         a run is started, resumed, stopped, deleted
run/failures        what ended a run, and what to do about it
run/heartbeat       beside a training: alive, the device's load, a stop that is kept
run/recorder        what a training says of itself, in its run's folder
run/ending          how a run ends: state, failure, advice
run/passes          how long films took through frozen layers, and which runs share it
worker              a run from its place in the queue to its end
fit/plan            what a training is told before it begins
fit/fit             a network is fitted to the training split
fit/network         the network of a recipe: what learns, what it starts from
fit/network/backbones   the backbones, each with its scaling; fit/network/resnet18 is our own
fit/input/batches   what it is fed, by seed and epoch alone
fit/input/augmentation  films turned, shifted, zoomed, cut and relit
fit/input/cues      what tells a film's source, changed at random
fit/input/cut       where frozen layers end and what is trained begins
fit/input/prepared  what a phase fits, and what before it is computed once
fit/input/features  what frozen layers give for a film, computed once
fit/network/gate    the gate's own network, fitted and made a LiteRT graph
fit/optimizer       the optimiser, its learning rate, the loss
fit/callbacks       what happens beside the fitting
fit/checkpoint      everything to go on from with the same numbers
fit/autotune        the fastest precision on this device, measured once
fit/estimate        how long a recipe will take, from two steps of each phase
audited             the audit of a run's films: what stops it, what its model's card tells of it
pretrained          where ImageNet weights lie or come from
torch_file          tensors of a PyTorch file, without PyTorch
keep                from a finished run to a saved model
gate/               pictures: what the gate's network learns from; augment: films as elsewhere they would look; drawn:
                    anything but a chest; bodies: other parts of the body, drawn; measure: what it gives
"""
