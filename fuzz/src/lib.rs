//! Harnesses of the fuzz targets.
