/* SPDX-License-Identifier: Apache-2.0
 *
 * The UART: printf goes to it (picolibc), and commands come from it.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

/* The next byte; waits for it. */
uint8_t console_byte(void);
/* A line without its end; what is longer than `size` - 1 is cut. */
void console_line(char *line, unsigned size);

#endif
