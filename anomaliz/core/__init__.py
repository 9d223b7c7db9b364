"""The words of the house as types: errors, stamps, verdicts, the detector contract. No I/O."""
