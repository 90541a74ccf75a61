"""Tilewright: generate matrix-multiply accelerators as Verilog, from one description in Amaranth."""
