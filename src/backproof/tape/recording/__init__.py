"""Record what a program does with tensors; everything else in the tape reads these records."""
