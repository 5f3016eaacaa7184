/**
 * TLB geometries as data files: one a core, each field with its value, its source and how sure it
 * is. docs/TLB-PRESETS.md has the form.
 */
package dev.quire.lab.preset;
