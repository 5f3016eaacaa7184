/** arm64's contiguous bit, kept behind the back of whoever changes entries (contpte.c). */
package dev.quire.kernel.contpte;
