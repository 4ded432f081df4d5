/// What hardware gives the box.
