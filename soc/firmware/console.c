/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <stdio.h>

#include <generated/csr.h>

#define RECEIVED 2u /* in uart_ev_pending: a write of 1 takes the next byte out of the queue */

static int put(char c, FILE *file) {
  (void)file;
  while (uart_txfull_read()) {
  }
  uart_rxtx_write((uint8_t)c);
  return c;
}

static FILE uart = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &uart;

uint8_t console_byte(void) {
  uint8_t byte;
  while (uart_rxempty_read()) {
  }
  byte = (uint8_t)uart_rxtx_read();
  uart_ev_pending_write(RECEIVED);
  return byte;
}

void console_line(char *line, unsigned size) {
  unsigned used = 0;
  for (;;) {
    const char c = (char)console_byte();
    if (c == '\n')
      break;
    if (c != '\r' && used + 1 < size)
      line[used++] = c;
  }
  line[used] = '\0';
}
