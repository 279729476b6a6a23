"""The same over real sockets, with the real server and worker processes."""

import asyncio

import httpx

from tests import factories
from tests.portfolios import tapes


def drafts(context):
    return list(context.files.root.glob(".draft-*"))


async def test_a_connection_that_breaks_leaves_nothing_and_the_next_upload_is_worked_off(context, server):
    seller = await factories.seller(context)
    content_type, body = factories.upload_body(tapes.tape(3000))
    async with httpx.AsyncClient(base_url=server.url, headers={"Origin": server.url}) as visitor:
        await visitor.post("/v1/session", json=seller.credentials)
        cookie = f"market_session={visitor.cookies['market_session']}"
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST /v1/portfolios HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {server.url}\r\nCookie: {cookie}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body[: len(body) // 2])
        await writer.drain()
        async with asyncio.timeout(60):
            while not drafts(context):
                await asyncio.sleep(0.01)
            writer.close()
            await writer.wait_closed()
            while drafts(context):
                await asyncio.sleep(0.01)
        assert (await visitor.get("/v1/portfolios")).json()["items"] == []

        answer = await visitor.post("/v1/portfolios", content=body, headers={"Content-Type": content_type})
        assert answer.status_code == 202
        path = f"/v1/portfolios/{answer.json()['portfolio_id']}"
        async with asyncio.timeout(30):
            while (await visitor.get(path)).json()["state"] != "mapping_needed":
                await asyncio.sleep(0.05)


async def test_a_tape_announced_too_large_is_refused_before_it_is_sent(context, server):
    seller = await factories.seller(context)
    async with httpx.AsyncClient(base_url=server.url, headers={"Origin": server.url}) as visitor:
        await visitor.post("/v1/session", json=seller.credentials)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST /v1/portfolios HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {server.url}\r\n"
            f"Cookie: market_session={visitor.cookies['market_session']}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {2**40}\r\n\r\n".encode()
        )
        async with asyncio.timeout(60):
            assert b" 413 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
