"""The server makes videos for people at a browser and for programs that speak HTTP, and sends them while it makes them.

It imports `signvip`; nothing but the command line imports it. FastAPI and uvicorn come with the extra `serve`.
"""
