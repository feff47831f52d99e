//! How fast archives are written and read, beside the programs that people know.
