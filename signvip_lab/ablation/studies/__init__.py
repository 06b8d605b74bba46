"""Named studies as data: one TOML file for each table or figure of the paper that varies options; none imports."""
