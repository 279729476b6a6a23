"""One module a feature. Tables know columns and keys; rules live in the features, guards in the migrations."""
