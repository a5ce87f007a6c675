"""What a kind of answer needs of training."""

from keras_attention.decoding import SearchOptions
from keras_attention.errors import UserError


class Task:
    """Data, codecs, model and scores of one kind of answer, such as translation.

    `train_and_evaluate`, `evaluate` and the callbacks never ask which kind it is: they ask the
    task. A task has no state; what it needs stands in the recipe.

    A subclass defines all methods that raise `NotImplementedError` here; see
    `training/tasks/translation.py`.

    Attributes:
        name: str. What `recipe.json` calls the task.
        recipe_class: frozen dataclass of all options; its `task` is `name`.
        predictor_class: class with `load(folder)` and `save(folder)`: what a run saves.
        noun: str. What one example is called in reports, in the plural.
        incomplete: str. What reports say of examples that readers left out.
        scoring: str. What reports say that is done with examples to score them, a participle.
        folder: str. Where in a run directory the predictor is saved.
        codec_folder: str. Where in a run directory the codecs are saved.
    """

    name = ""
    recipe_class = None
    predictor_class = None
    noun = "examples"
    incomplete = "with an empty side"
    scoring = "Scoring"
    folder = "predictor"
    codec_folder = "codecs"

    def check(self, recipe):
        """Raises `UserError` where scores or pictures could not be made after an epoch.

        Args:
            recipe: instance of `recipe_class`.
        """

    def load_splits(self, recipe, report):
        """Reads the data.

        Args:
            recipe: instance of `recipe_class`.
            report: function that tells the user one line.

        Returns:
            `Splits` of examples. Examples have a length, `select(places)`, `columns()`, lists of
            what a digest is made of, and `row(place)`, a dict of one example for a JSON file.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `load_splits`.")

    def load_other_splits(self, recipe, changes, report):
        """Reads examples to score in place of the recipe's.

        Args:
            recipe: instance of `recipe_class`.
            changes: dict of the data options that are others.
            report: function that tells the user one line.

        Returns:
            `Splits`, with None for a split that is not named.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `load_other_splits`.")

    def check_splits(self, splits, recipe, report):
        """Tells what a user should know of the answers in the data, before anything is learned.

        Args:
            splits: `Splits`.
            recipe: instance of `recipe_class`.
            report: function that tells the user one line.

        Raises:
            UserError: they cannot be learned, or not be scored.
        """

    def inputs(self, examples):
        """The raw inputs of examples, as the predictor takes them."""
        return examples.sources

    def codecs(self, recipe, examples):
        """Learns the codecs of source and target.

        Args:
            recipe: instance of `recipe_class`.
            examples: those of the training split.

        Returns:
            Pair of `Codec`, which may be one and the same.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `codecs`.")

    def describe_codecs(self, source, target):
        """One line about the codecs, such as the sizes of vocabularies."""
        raise NotImplementedError(f"{type(self).__name__} must define `describe_codecs`.")

    def encode(self, examples, source, target, recipe):
        """Examples as a model reads them, without those that it cannot take.

        Args:
            examples: those of one split.
            source, target: codecs.
            recipe: instance of `recipe_class`.

        Returns:
            What `make_batches` takes, such as `TokenizedPairs`: a length, `source_lengths` and
            `target_lengths`, `rows`, `too_long`, `tokens`, and `batch(rows, source_lengths,
            target_lengths)`, the padded inputs and labels of a batch.

        Raises:
            UserError: the model can take none.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `encode`.")

    def report_data(self, splits, source, target, recipe, report):
        """Tells what a user should know of the data before training, if there is anything.

        Raises:
            UserError: nothing of the test can be scored.
        """

    def report_scored(self, splits, recipe, report):
        """Tells what a user should know of the data before it is scored, if there is anything.

        Args:
            splits: `Splits`; those that are not scored may be None.
            recipe: instance of `recipe_class`.
            report: function that tells the user one line.
        """

    def model(self, recipe, source, target):
        """A new model."""
        raise NotImplementedError(f"{type(self).__name__} must define `model`.")

    def loss(self, recipe):
        """Loss of the model, as `keras.Model.compile` takes it."""
        raise NotImplementedError(f"{type(self).__name__} must define `loss`.")

    def metrics(self, recipe):
        """Metrics of the model, as `keras.Model.compile` takes them."""
        return []

    def uniform_loss(self, source, target):
        """Loss of a model that gives each answer the same probability."""
        raise NotImplementedError(f"{type(self).__name__} must define `uniform_loss`.")

    def metric(self, recipe, source, target):
        """Name of the score of validation that selects the best epoch."""
        return recipe.score.metric

    def predictor(self, model, source, target, recipe):
        """What the run saves, and what answers with the options of the recipe."""
        raise NotImplementedError(f"{type(self).__name__} must define `predictor`.")

    def validation_predictor(self, predictor, recipe):
        """What answers after each epoch: `predictor`, or one of the same model that is quicker."""
        return predictor

    def finish(self, predictor, splits, recipe, report):
        """Fits to validation what is not fitted by training, in the saved predictor.

        Args:
            predictor: instance of `predictor_class`, the best of the run, as it was saved.
            splits: `Splits`.
            recipe: instance of `recipe_class`.
            report: function that tells the user one line.

        Returns:
            bool. Whether the predictor changed.
        """
        return False

    def with_options(self, predictor, recipe):
        """`predictor` with those options of the recipe that may change after training.

        Returns:
            The predictor, and whether anything changed.
        """
        return predictor, False

    def with_search(self, predictor, search):
        """`predictor` with another search, for tasks whose answers are searched for.

        Args:
            predictor: instance of `predictor_class`.
            search: `SearchOptions`, or None.

        Returns:
            The predictor, and its search, or None.

        Raises:
            UserError: a search is asked for, and the task has none.
        """
        if search not in (None, SearchOptions()):
            raise UserError(f"A {self.name} model searches for nothing: it takes no such options.")
        return predictor, None

    def drawn(self, predictor, examples, options):
        """Raw inputs whose alignments are drawn after each epoch.

        Args:
            predictor: as `validation_predictor` made it.
            examples: those of the validation split that are scored.
            options: the recipe's options of scores.
        """
        return self.inputs(examples)[: options.heatmaps]

    def validation_scores(self, predictor, examples, options):
        """Scores after an epoch, quick to compute.

        Args:
            predictor: as `validation_predictor` made it.
            examples: those of the validation split that are scored.
            options: the recipe's options of scores.

        Returns:
            Dict of fractions, that of `metric` among them.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `validation_scores`.")

    def score(self, predictor, examples, options):
        """All scores of a split.

        Args:
            predictor: instance of `predictor_class`.
            examples: those of the split.
            options: the recipe's options of scores.

        Returns:
            Dict, as `evaluation.json` holds it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `score`.")

    def table(self, scores):
        """The scores of a split as a person reads them.

        Args:
            scores: dict, as `score` returned it.

        Returns:
            Dict of str by the name of the column.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `table`.")

    def details(self, scores):
        """The scores of single labels, or whatever else a second table shows.

        Args:
            scores: dict, as `score` returned it.

        Returns:
            List of dicts of str by the name of the column; empty for no table.
        """
        return []

    def draw_scores(self, run_dir, result):
        """Writes pictures of the scores into a run directory, if there are any.

        Args:
            run_dir: path.
            result: dict of scores by split, as `evaluation.json` holds it.
        """

    def footnote(self, scores):
        """What stands below the table, such as how a score was computed; empty for nothing."""
        return ""

    def samples(self, examples):
        """Raw inputs that an exported file is compared on: JSON values.

        Args:
            examples: those of the test split.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `samples`.")
