"""A kept model: its card, reading films with it without TensorFlow, heatmaps, and its evaluation on a folder.

cards/              card: what a model is, what it learned from, what it gave, where its limits are; fields: what a
                    card may hold; amend: what was found out later is added
head                pooling and Dense layers in NumPy, with their gradient in closed form
classifier          a model read as a LiteRT graph and a head; which models there are
conversion/         formats: what a file from elsewhere is; archive: what a Keras file holds, told without Keras;
                    convert: from a saved network to the files that are read without TensorFlow; flatten: a network
                    from elsewhere made flat; importing: a model made of it; child: the process that does it;
                    task: what is asked of it and what comes of it; landmarks: which backbone a network holds
kept                what lies beside the network: evaluations and history; what differs between cards
explanation         Grad-CAM from one forward pass
tf_keras_vis        the other heatmap methods, in a worker process with TensorFlow
service/            client: what pages call, of the process that reads films for them; process: its side; scoring: a
                    film scored by models; heatmaps: how far two agree; worker: the slow ones; kept: what is
                    remembered; lines: how a request goes there and its answer comes back
folder_evaluation   models evaluated on a folder of films
"""
