"""A Modbus server that tells what each request did to its memory: usage: modbus_server.py STACK PORT

STACK is libmodbus or pymodbus. Runs under the Python that Debian's pymodbus belongs to. Registers
hold a number of their address before each request, so that a masked write tells what it changed.
"""

import asyncio
import ctypes
import json
import sys

CELLS = 1000
BEFORE = 0xA000  # a register holds this and its address
UNTOUCHED = 2  # a coil that nobody has written


def tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Mapping(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        "nb_bits", "start_bits", "nb_input_bits", "start_input_bits", "nb_input_registers",
        "start_input_registers", "nb_registers", "start_registers")] + [
            ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
            ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
            ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
            ("tab_registers", ctypes.POINTER(ctypes.c_uint16))]


def with_libmodbus(port):
    library = ctypes.CDLL("libmodbus.so.5")
    library.modbus_new_tcp.restype = ctypes.c_void_p
    library.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", port))
    memory = library.modbus_mapping_new(CELLS, CELLS, CELLS, CELLS)
    # It sleeps so long before it answers what it does not know.
    library.modbus_set_response_timeout(context, 0, 1000)
    listener = ctypes.c_int(library.modbus_tcp_listen(context, 5))
    registers = (ctypes.c_uint16 * CELLS)(*(BEFORE + at for at in range(CELLS)))
    coils = (ctypes.c_uint8 * CELLS)(*([UNTOUCHED] * CELLS))
    query = (ctypes.c_uint8 * 260)()
    tell({"listening": True})
    while True:
        accepted = ctypes.c_int(listener.value)
        library.modbus_tcp_accept(context, ctypes.byref(accepted))
        while True:
            length = library.modbus_receive(context, query)
            if length < 0:
                break
            if length == 0:
                continue
            ctypes.memmove(memory.contents.tab_registers, registers, ctypes.sizeof(registers))
            ctypes.memmove(memory.contents.tab_bits, coils, ctypes.sizeof(coils))
            done = library.modbus_reply(context, query, length, memory)
            after = memory.contents
            tell({"function": query[7], "unit": query[6], "first": query[8] << 8 | query[9],
                  "refused": after_exception(done),
                  "coils": {at: after.tab_bits[at] for at in range(CELLS)
                            if after.tab_bits[at] != UNTOUCHED},
                  "registers": {at: after.tab_registers[at] for at in range(CELLS)
                                if after.tab_registers[at] != BEFORE + at}})
            if done < 0:
                break
        library.modbus_close(context)


def after_exception(length):
    return length == 9  # an MBAP header, a function and an exception code


def with_pymodbus(port):
    # The paths of Debian's packages: 3.0 of Debian 12, 3.8 of Debian 13.
    from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                    ModbusSlaveContext)
    try:
        from pymodbus.server import async_io
    except ImportError:
        async_io = None
    first = 0 if async_io else 1  # of a block, for address 0: 3.8 has no mode in which it is 0

    class Told(ModbusSequentialDataBlock):
        """Gives what stands there before all writes, and tells of these."""

        def __init__(self, kind):
            super().__init__(first, [0] * CELLS)
            self.kind = kind

        def getValues(self, address, count=1):
            if self.kind in ("coils", "inputs"):
                return [False] * count
            return [BEFORE + at - first for at in range(address, address + count)]

        def setValues(self, address, values):
            values = values if isinstance(values, list) else [values]
            tell({self.kind: {address + at - first: int(value)
                              for at, value in enumerate(values)}})

    def tell_request(request, unit):
        tell({"function": request.function_code, "unit": unit,
              "first": getattr(request, "address", None)})

    memory = {"di": Told("inputs"), "co": Told("coils"), "hr": Told("registers"),
              "ir": Told("input_registers")}
    address = ("127.0.0.1", port)

    def server_of_3_0():
        execute = async_io.ModbusBaseRequestHandler.execute

        def told(handler, request, *addresses):
            tell_request(request, request.unit_id)
            return execute(handler, request, *addresses)

        async_io.ModbusBaseRequestHandler.execute = told
        context = ModbusServerContext(slaves=ModbusSlaveContext(**memory, zero_mode=True),
                                      single=True)
        return async_io.ModbusTcpServer(context, address=address, allow_reuse_address=True)

    def server_of_3_8():
        from pymodbus.server import ModbusTcpServer

        def told(sending, pdu):
            if not sending:
                tell_request(pdu, pdu.dev_id)
            return pdu

        context = ModbusServerContext(slaves=ModbusSlaveContext(**memory), single=True)
        return ModbusTcpServer(context, address=address, trace_pdu=told)

    async def serve():
        server = server_of_3_0() if async_io else server_of_3_8()
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.5)
        tell({"listening": True})
        await task

    asyncio.run(serve())


if __name__ == "__main__":
    {"libmodbus": with_libmodbus, "pymodbus": with_pymodbus}[sys.argv[1]](int(sys.argv[2]))
