"""Everything that has to do with BankID, an identity that the banks in Sweden hand out."""
