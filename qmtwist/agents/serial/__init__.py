"""Maildirs sent down one connection. (serialmail)"""
