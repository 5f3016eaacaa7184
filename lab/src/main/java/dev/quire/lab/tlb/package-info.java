/**
 * {@code quire tlb}: cells of a cross product of guest pages and host pages, each run once for all
 * geometries, and the points that come of it.
 */
package dev.quire.lab.tlb;
