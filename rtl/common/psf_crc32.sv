// SPDX-License-Identifier: Apache-2.0
//
// CRC-32 of IEEE 802.3 (zlib.crc32), DataWidth bits in one step, combinational: crc_o is the
// register after data_i, bit 0 of byte 0 first. Raw register: it starts with all ones, and the
// checksum is its inverse. Each output bit is one XOR over a constant selection of the input bits.

module psf_crc32 #(
    parameter int unsigned DataWidth = 64  // bits per step, >= 32
) (
    input  logic [         31:0] crc_i,
    input  logic [DataWidth-1:0] data_i,
    output logic [         31:0] crc_o
);

  if (DataWidth < 32) begin : gen_bad_width
    $fatal(1, "psf_crc32: DataWidth must be at least 32");
  end

  typedef logic [31:0][DataWidth-1:0] select_t;

  // Which input bits each register bit depends on, after DataWidth shifts.
  function automatic select_t selection();
    localparam logic [31:0] Polynomial = 32'hEDB8_8320;  // reflected
    select_t rows;
    logic [DataWidth-1:0] feedback;
    rows = '0;
    for (int unsigned s = 0; s < DataWidth; s++) begin
      feedback = rows[0];
      feedback[s] = !feedback[s];
      for (int unsigned b = 0; b < 31; b++) begin
        rows[b] = Polynomial[b] ? rows[b+1] ^ feedback : rows[b+1];
      end
      rows[31] = feedback;
    end
    return rows;
  endfunction

  localparam select_t Select = selection();

  logic [DataWidth-1:0] mixed;  // the register shifts out against the first 32 bits

  assign mixed = data_i ^ DataWidth'(crc_i);

  for (genvar b = 0; b < 32; b++) begin : gen_bit
    assign crc_o[b] = ^(mixed & Select[b]);
  end

endmodule
